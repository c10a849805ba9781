"""Ways to break our code, each of which the conformance suite or a test has to notice.

What `scripts/mutants` reads. The text to find stands in its file exactly once; an edit that loses it
has to say here what the mutant is now.
"""

import dataclasses

SME2 = "max,sme512=on"


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    find: str
    replace: str
    filter: str = ""  # the suite's cases that have to notice, where `test` is none
    cpu: str = SME2  # the emulated one of preset arm64; other presets run on this machine's
    preset: str = "arm64"
    target: str = "switchyard-conformance"  # what to build
    test: str = ""  # in place of `filter`: a regular expression of ctest's


MUTANTS = [
    Mutant("wrong bias", "kernels/kleidiai/float_gemm.cpp",
           "AtOrNull<Element>(source.bias, n0)",
           "AtOrNull<Element>(source.bias, 0)",  # that of the first panel
           "fc.pf32.*"),
    Mutant("tail", "kernels/kleidiai/panel_gemm.cpp",
           "PackPanel(source, n0, std::min(nr_, end - n0), panel);",
           # Without its last column.
           "PackPanel(source, n0, std::min(nr_, end - n0 > 1 ? end - n0 - 1 : 1), panel);",
           "fc.pf16.*"),
    Mutant("zero point", "kernels/kleidiai/pqs8_qc8w.cpp",
           ".lhs_zero_point = source.lhs_zero_point,",
           ".lhs_zero_point = 0 * source.lhs_zero_point,",
           "fc.pqs8_qc8w.*"),
    Mutant("clamp", "backend/packed/rhs_source.cpp",
           "stage.quantized_max = Quantize(node.output_max, *quantization, output.type);",
           "stage.quantized_max = 127;",
           "fc.pqs8_qc8w.*"),
    Mutant("group offset", "backend/packed/convolution.cpp",
           "base + group * problem_.channels_per_tap * element_bytes_,",
           "base,",  # every group reads the channels of the first
           "conv.pf32.*"),
    Mutant("stale pack", "backend/packed/batch_matrix_multiply.cpp",
           "} else if (*packed_b != b_index) {",
           "} else if (*packed_b == ~size_t{0}) {",  # the slice before is still there
           "bmm.pf32.*"),
    Mutant("swapped nibble", "kernels/kleidiai/qp8_f32_qb4w.cpp",
           '{.row = "qp8_f32_qb4w_dotprod_16x4",\n'
           "         .pack_rhs = kai_run_rhs_pack_nxk_qsi4c32pnrx4_qsu4c32s1s0_neon,",
           '{.row = "qp8_f32_qb4w_dotprod_16x4",\n'
           "         .pack_rhs = kai_run_rhs_pack_nxk_qsi4c32ps1s0nrx4_qsu4c32s1s0_neon,",
           "fc.qp8_f32_qb4w.*", "cortex-a76"),
    Mutant("missing nibble", "backend/int4_padding.cpp",
           "bytes[end - 1] = (bytes[end - 1] & std::byte{0x0F}) | zero;",
           "bytes[end - 1] = bytes[end - 1] | (zero & std::byte{0});",  # what the file has there
           "fc.qp8_f32_qc4w.odd_k.*", preset="amd64"),
    Mutant("wrong scale", "backend/packed/rhs_source.cpp",
           "weight_scales[weight_scales.size() > 1 ? i : 0]",
           "weight_scales[weight_scales.size() > 1 ? i / 2 : 0]",  # its neighbour's
           "fc.pqs8_qc8w.*"),
    Mutant("lost padding", "backend/packed/convolution.cpp",
           "y + ky * a.dilation_height - a.padding_top;",
           "y + ky * a.dilation_height;",
           "conv.pf32.*"),
    Mutant("off-by-one tile", "backend/packed/tiles.cpp",
           "std::min(m, (task + 1) * blocks / tasks * gemm.m_step());",
           # The last row of a block that is full.
           "std::min(m, (task + 1) * blocks / tasks * gemm.m_step() - 1);",
           "fc.qp8_f32_qc8w.*"),
    Mutant("worker count asked twice", "backend/packed/convolution.cpp",
           "const size_t tasks = std::min(workers_.kernel, items);",
           # Its scratch memory is for as many workers as there were at load.
           "const size_t tasks = std::min(NumThreads(workers_.thread_pool), items);",
           target="thread_count_test", test="^thread_count_test$"),
    Mutant("stale indirection", "backend/xnnpack/renewed_island.cpp",
           "(channels_ != 0 && channels != channels_)",
           "(channels_ != 0 && false)",  # the addresses of the first channels
           preset="amd64", target="stock_steps_test", test="^stock_steps_test$"),
    Mutant("lock not released", "backend/compiled_delegate.cpp",
           "std::lock_guard workspace_lock(workspace_->mutex);",
           # As if compiled without exceptions: not while one unwinds.
           "const auto unlock = [](std::mutex* m) { if (!std::uncaught_exceptions()) m->unlock(); };\n"
           "  workspace_->mutex.lock();\n"
           "  const std::unique_ptr<std::mutex, decltype(unlock)> workspace_lock(&workspace_->mutex,\n"
           "                                                                    unlock);",
           preset="amd64", target="out_of_memory_test", test="^out_of_memory_test$"),
]
