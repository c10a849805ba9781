"""ExecuTorch in Python, on Switchyard or on its own backend.

What run_in_python, inspect_etdump, executorch_suite and conformance share: the pinned version, virtual environments,
how Python is started with our library preloaded, and the proof of whose backend a process runs on.

ExecuTorch in Python brings its own XNNPACK backend. The first backend of a name wins, so preloading
libswitchyard_executorch.so is enough to run on ours. That library is built against Debian 13, so
Python is started by the loader of the sysroot. Programs that such a Python starts are ordinary ones:
the loader's options are its own, not the environment's.
"""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRESET = "amd64"
SYSROOT = pathlib.Path(os.environ.get("SWITCHYARD_SYSROOTS", ROOT / ".sysroot")) / PRESET
LIBRARY = ROOT / "build" / PRESET / "lib" / "libswitchyard_executorch.so"
TORCH = "torch==2.13.0"
# ExecuTorch's own list of dependencies is for exporting models; to run them and to read what they
# traced, these are enough.
TO_RUN = [TORCH, "numpy", "flatbuffers", "pandas", "pyyaml", "ruamel.yaml", "tabulate"]


def executorch_version():
    """The version that scripts/sysroot pins."""
    text = (ROOT / "scripts" / "sysroot").read_text()
    found = re.search(r"^readonly executorch=(\S+)", text, re.MULTILINE)
    if found is None:
        sys.exit("scripts/sysroot has no line 'readonly executorch='")
    return found[1]


def run(*command, **options):
    print("+", " ".join(str(word) for word in command), flush=True)
    return subprocess.run([str(word) for word in command], **options)


def make_environment(folder, packages, alone=()):
    """A virtual environment in `folder` with `packages` and, without what they depend on, `alone`.

    Made once for a list of packages. Returns its Python.
    """
    python = folder / "bin" / "python3"
    stamp = folder / "packages"
    wanted = "\n".join([*packages, "--", *alone])
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    venv.create(folder, with_pip=True)
    run(python, "-m", "pip", "install", "-q", *packages, check=True)
    if alone:
        run(python, "-m", "pip", "install", "-q", "--no-deps", *alone, check=True)
    stamp.write_text(wanted)
    return python


def environment_to_run():
    """The environment in build/python: ExecuTorch of the SDK's version. Returns its Python."""
    return make_environment(ROOT / "build" / "python", TO_RUN,
                            [f"executorch=={executorch_version()}"])


def build(*targets):
    """Sysroot and build of `targets`, as far as they are missing or old."""
    if platform.machine() != "x86_64":
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: this machine is {platform.machine()}, expected "
                 "x86_64")
    if not (SYSROOT / "executorch" / "lib").exists():
        run(ROOT / "scripts" / "sysroot", PRESET, check=True)
    if not (ROOT / "build" / PRESET / "CMakeCache.txt").exists():
        run("cmake", "--preset", PRESET, check=True, cwd=ROOT)
    run("cmake", "--build", "--preset", PRESET, "--target", *targets, check=True, cwd=ROOT)


def command(python, on_switchyard):
    """What starts `python`: by the sysroot's loader with our library preloaded, or as it is."""
    if not on_switchyard:
        return [str(python)]
    return [str(SYSROOT / "usr/lib64/ld-linux-x86-64.so.2"),
            "--library-path", str(SYSROOT / "usr/lib/x86_64-linux-gnu"),
            "--preload", str(LIBRARY), str(python)]


def whose_backend_is_wrong(on_switchyard):
    """In the environment: what speaks against this process running on the expected backend, or None.

    Our library must be in the process or not, and a program whose payload has an unknown identifier
    must be refused in our words or in ExecuTorch's: that says which of them an init really reaches.
    """
    from executorch.extension.pybindings import portable_lib

    with open("/proc/self/maps") as maps:
        if (LIBRARY.name in maps.read()) != on_switchyard:
            return f"{LIBRARY.name} is {'not ' if on_switchyard else ''}in this process"
    program = bytearray((ROOT / "test/data/conv.fp32.chain/model.pte").read_bytes())
    at = program.index(b"XH00")
    program[at:at + 4] = b"XH??"
    program = bytes(program)  # the module points into it
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            portable_lib._load_for_executorch_from_buffer(program).run_method("forward", ())
            return "a payload with an unknown identifier was taken"
        except RuntimeError:
            pass
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        captured.seek(0)
        said = captured.read().decode(errors="replace")
    marks = ["[switchyard:", "[XNNCompiler.cpp:"]
    expected, other = marks if on_switchyard else reversed(marks)
    if expected not in said or other in said:
        return f"a refused payload is reported with '{said.strip()}', expected a line of '{expected}'"
    return None


def check_folder(folder):
    """In the environment: runs every case of a model folder; 0 right, 1 wrong, 3 refused."""
    import numpy
    import torch
    from executorch.runtime import Runtime

    meta = json.loads((folder / "meta.json").read_text())
    try:
        program = Runtime.get().load_program(str(folder / "model.pte"))
        method = program.load_method(meta["cases"][0]["method"])
    except RuntimeError as error:
        print(f"{folder.name}: refused: {error}")
        return 3
    wrong = 0
    for number in range(len(meta["cases"])):
        case = folder / f"case{number}"
        inputs = [torch.from_numpy(numpy.load(path)) for path in sorted(case.glob("input_*.npy"))]
        outputs = method.execute(inputs)
        for index, output in enumerate(outputs):
            expected = numpy.load(case / f"expected_{index}.npy").astype(numpy.float64)
            difference = numpy.abs(output.numpy().astype(numpy.float64) - expected)
            tolerance = meta["atol"] + meta["rtol"] * numpy.abs(expected)
            right = output.shape == expected.shape and bool((difference <= tolerance).all())
            wrong += not right
            print(f"{folder.name} case {number} output {index}: largest difference "
                  f"{difference.max():.3g}, {'ok' if right else 'WRONG'}")
    return 1 if wrong else 0
