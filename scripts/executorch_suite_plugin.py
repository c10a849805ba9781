"""pytest plugin of executorch_suite; runs in its environment.

- Nothing is downloaded: whoever tries is told so, and his test is recorded as one that needs it.
- Each module, each test and each comparison starts from a seed of its own, so that both backends see
  equal inputs.
- The session ends at once if it does not run on the backend that it was started for.
- What starts and what ends is added to a list of JSON lines, so that a run can be taken up again.
"""

import faulthandler
import gc
import json
import os
import pathlib
import random
import socket
import time
import zlib

import numpy
import pytest
import torch
from executorch.backends.test.harness import Tester

from executorch_python import whose_backend_is_wrong

# A test that takes longer than this many seconds is ended with a traceback, and its process with it.
LIMIT = 1800
WRONG_BACKEND = 3


class Downloads:
    """What was asked for since the last start."""

    wanted = []

    @classmethod
    def refuse_file(cls, url, *arguments, **named):
        cls.wanted.append(f"weights {url.rsplit('/', 1)[-1]}")
        raise OSError("executorch_suite downloads nothing")

    @classmethod
    def refuse_connection(cls, *arguments, **named):
        cls.wanted.append("something from the network")
        raise OSError("executorch_suite downloads nothing")

    @classmethod
    def reason(cls):
        return f"needs a download: {cls.wanted[0]}" if cls.wanted else None


def make_torchvision_loadable():
    """Declares the operators that torchvision's own library defines.

    That library does not load when it was built for another kind of torch (CUDA's, beside a torch for
    CPUs), and then torchvision fails to import because of two operators that no test here uses.
    """
    try:
        torch.ops.load_library(
            str(pathlib.Path(torch.__file__).parents[1] / "torchvision" / "_C.so"))
        return None
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library


def seed(name):
    number = zlib.crc32(name.encode())
    random.seed(number)
    numpy.random.seed(number)
    torch.manual_seed(number)


def seed_around(run, name):
    """`run`, a method of ExecuTorch's Tester that makes inputs and compares, from a seed of `name()`.

    What exporting draws depends on what the process exported before, and comes between weights and
    inputs.
    """
    def seeded(*arguments, **named):
        seed(f"{name()}, inputs")
        result = run(*arguments, **named)
        seed(f"{name()}, next")
        return result
    return seeded


class Plugin:
    def __init__(self, config):
        self.on_switchyard = os.environ["EXECUTORCH_SUITE_BACKEND"] == "switchyard"
        self.list = pathlib.Path(os.environ["EXECUTORCH_SUITE_LIST"])
        self.tests = pathlib.Path(os.environ["EXECUTORCH_SUITE_TESTS"])
        self.rootdir = config.rootpath
        self.library = make_torchvision_loadable()
        self.began = 0.0
        self.worst = ("passed", "")
        self.current = ""
        self.runs = 0
        Tester.run_method_and_compare_outputs = seed_around(
            Tester.run_method_and_compare_outputs, self.next_run)
        # Exporting makes very many small objects, few of them in cycles.
        gc.freeze()
        gc.set_threshold(100_000, 20, 50)
        torch.hub.download_url_to_file = Downloads.refuse_file
        socket.socket.connect = Downloads.refuse_connection
        socket.getaddrinfo = Downloads.refuse_connection

    def next_run(self):
        self.runs += 1
        return f"{self.current}, {self.runs}"

    def record(self, **what):
        with self.list.open("a") as out:
            out.write(json.dumps(what) + "\n")

    def name(self, path, rest=""):
        return os.path.relpath(path, self.tests) + rest

    def test_name(self, item):
        return self.name(item.path, "::" + item.nodeid.split("::", 1)[1])

    def pytest_sessionstart(self, session):
        wrong = whose_backend_is_wrong(self.on_switchyard)
        if wrong is not None:
            pytest.exit(f"executorch_suite: {wrong}", returncode=WRONG_BACKEND)

    def pytest_collectstart(self, collector):
        if isinstance(collector, pytest.Module):
            Downloads.wanted.clear()
            seed(self.name(collector.path))

    def pytest_collectreport(self, report):
        if report.failed and report.nodeid.endswith(".py"):
            last = str(report.longrepr).strip().splitlines()[-1].removeprefix("E ").strip()
            self.record(module=self.name(self.rootdir / report.nodeid),
                        reason=Downloads.reason() or last)

    def pytest_collection_finish(self, session):
        if session.config.option.collectonly:
            for item in session.items:
                self.record(test=self.test_name(item))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        self.current = self.test_name(item)
        self.began = time.monotonic()
        self.runs = 0
        self.worst = ("passed", "")
        self.record(started=self.current)
        Downloads.wanted.clear()
        seed(self.current)
        faulthandler.dump_traceback_later(LIMIT, exit=True)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            reason = Downloads.reason()
            detail = str(report.longrepr)
            self.worst = ("needs download", reason) if reason else ("failed", detail[-3000:])
        elif report.skipped and self.worst[0] == "passed":
            detail = report.longrepr[-1] if isinstance(report.longrepr, tuple) else "expected to fail"
            self.worst = ("skipped", detail)
        if report.when == "teardown":
            faulthandler.cancel_dump_traceback_later()
            self.record(test=self.current, outcome=self.worst[0], detail=self.worst[1],
                        seconds=round(time.monotonic() - self.began, 1))


def pytest_configure(config):
    config.pluginmanager.register(Plugin(config), "executorch_suite")
