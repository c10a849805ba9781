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
           ".lhs = input + group * problem().channels_per_tap * lhs_element_bytes(),",
           ".lhs = input,",  # every group reads the channels of the first
           "conv.pf32.*"),
    Mutant("stale pack", "backend/packed/multiply_step.cpp",
           "if (rhs != packed_rhs) PackComputedRhs(",
           "if (packed_rhs == SIZE_MAX) PackComputedRhs(",  # the slice before is still there
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
           "out * axis.stride + tap * axis.dilation - axis.padding;",
           "out * axis.stride + tap * axis.dilation;",
           "conv.pf32.*"),
    Mutant("off-by-one tile", "backend/packed/multiply_step.cpp",
           "block.m = std::min(blocking.mc, step_.problem().m - m0);",
           # The last row of a block that is full.
           "block.m = std::min(blocking.mc - 1, step_.problem().m - m0);",
           "fc.qp8_f32_qc8w.*"),
    Mutant("worker count asked twice", "backend/packed/multiply_step.cpp",
           "tasks = std::min(memory_.tasks, blocks);",
           # Its scratch memory is for as many workers as there were at load.
           "tasks = std::min(NumThreads(thread_pool_), blocks);",
           preset="amd64", target="thread_count_test", test="^thread_count_test$"),
    Mutant("stale indirection", "backend/xnnpack/renewed_island.cpp",
           "(channels_ != 0 && channels != channels_)",
           "(channels_ != 0 && false)",  # the addresses of the first channels
           preset="amd64", target="stock_steps_test", test="^stock_steps_test$"),
    Mutant("lock not released", "backend/compiled_delegate.cpp",
           "std::lock_guard workspace_lock(model_->workspace->mutex);",
           # As if compiled without exceptions: not while one unwinds.
           "const auto unlock = [](std::mutex* m) { if (!std::uncaught_exceptions()) m->unlock(); };\n"
           "  model_->workspace->mutex.lock();\n"
           "  const std::unique_ptr<std::mutex, decltype(unlock)> workspace_lock(&model_->workspace->mutex,\n"
           "                                                                    unlock);",
           preset="amd64", target="out_of_memory_test", test="^out_of_memory_test$"),

    # Of what all kernels share: natively, by the rows that every CPU has.
    Mutant("dropped piece", "backend/packed/multiply_step.cpp",
           "for (block.k0 = 0; block.k0 < problem.k; block.k0 += blocking.kc) {",
           # The last one, where there are two or more.
           "for (block.k0 = 0; block.k0 == 0 || block.k0 + blocking.kc < problem.k;\n"
           "         block.k0 += blocking.kc) {",
           preset="amd64", test="^conformance.rows.pf16_reference$"),
    Mutant("raw row one beyond", "kernels/reference/reference.cpp",
           "const std::byte* row = rows->base + i * rows->stride;",
           "const std::byte* row = rows->base + (i + 1) * rows->stride;",
           preset="amd64", test="^conformance.rows.pf32_reference$"),
    Mutant("two tasks on one tile", "backend/packed/multiply_step.cpp",
           "for (size_t block = t * blocks / tasks;",
           "for (size_t block = t * blocks / tasks - (t > 0 ? 1 : 0);",
           preset="amd64-tsan", target="packed_threads_test", test="^packed_threads_test$"),
    Mutant("stale taps", "backend/packed/convolution.cpp",
           "if (table_bytes() == 0) return {};",
           "if (table_bytes() == 0 || table_.pixels != 0) return {};",  # those of the first shape
           preset="amd64", test="^conformance.rows.pf32_reference$"),
    Mutant("ignored yield", "kernels/gemm/select.cpp",
           "return y.cpu(host) && (",
           "return false && y.cpu(host) && (",
           preset="amd64", target="select_test", test="^select_test$"),
    # What the sanitizers see of them.
    Mutant("race on a shared pack", "backend/packed/runner.cpp",
           "const size_t m0 = task * steps / tasks * layout.m_step();",
           # The step before is another task's.
           "const size_t m0 = (task * steps / tasks - (task > 0 ? 1 : 0)) * layout.m_step();",
           preset="amd64-tsan", target="packed_threads_test", test="^packed_threads_test$"),
    Mutant("scratch off by one", "backend/plan/packed_memory.cpp",
           "AddPart(bytes, PackedRowsBytes(layout, rows));",
           "AddPart(bytes, PackedRowsBytes(layout, rows - 1));",
           preset="amd64", target="packed_threads_test", test="^packed_threads_test$"),
    Mutant("wrong tail", "kernels/reference/reference.cpp",
           "for (size_t j = 0; j < n; ++j) PackColumn(",
           "for (size_t j = 0; j + 1 < n || j == 0; ++j) PackColumn(",  # without the last column
           preset="amd64", test="^conformance.rows.pqs8_qc8w_reference$"),
]
