#include "backend/options.h"

#include <limits>

#include "backend/switchyard_backend.h"

namespace switchyard {
std::span<const OptionRow> BackendOptionTable() {
  // Made by the first call: the backend registers itself before main(), perhaps before a table of
  // this file would be made.
  static const OptionRow table[] = {
      {.key = kOptionMaxWorkspaceBytes,
       .default_value = int64_t{kDefaultMaxWorkspaceBytes},
       .scope = OptionScope::kBoth,
       .min = 0,
       .max = std::numeric_limits<int64_t>::max(),
       .environment = "SWITCHYARD_MAX_WORKSPACE_BYTES",
       .doc =
           "Bytes that intermediate values, packed activations and scratch memory of one delegate "
           "may need together, checked at each execute with its real shapes; at load, what every "
           "execute needs. Packed kernels that need more at the payload's bounds give way to stock "
           "operators where those fit. Also the bytes that copies of shared weights may take at "
           "load, "
           "beyond one for each part of the file."},
      {.key = kOptionWorkspaceSharingMode,
       .default_value = int64_t{1},
       .scope = OptionScope::kBoth,
       .min = 0,
       .max = 2,
       .environment = "SWITCHYARD_WORKSPACE_SHARING_MODE",
       .doc =
           "Which delegates share XNNPACK's scratch memory: 0 none (each has its own), 1 those of "
           "one loaded model, 2 all of the process. Delegates that share it run one at a time."},
      {.key = kOptionWeightCacheEnabled,
       .default_value = true,
       .scope = OptionScope::kBoth,
       .min = 0,
       .max = 0,
       .environment = "SWITCHYARD_WEIGHT_CACHE_ENABLED",
       .doc = "Whether a delegate shares packed weights with others of the process, and through "
              "packed_cache_path; off, it has a copy of its own. For loads from then on."},
      {.key = kOptionPackedCachePath,
       .default_value = std::string(),
       .scope = OptionScope::kBoth,
       .min = 0,
       .max = 0,
       .environment = "",
       .doc =
           "File of packed weights: those that it has are mapped instead of packed, the others are "
           "added to it by save_weight_cache_on_disk. Honoured where it is given for a load; the "
           "global value is only kept."},
      {.key = kOptionSaveWeightCacheOnDisk,
       .default_value = false,
       .scope = OptionScope::kGlobal,
       .min = 0,
       .max = 0,
       .environment = "",
       .doc =
           "Setting it to true writes, there and then, the packed weights of all loaded delegates "
           "to the packed_cache_path that each was loaded with. Never stored: reads as false."},
      {.key = kOptionPackedKernels,
       .default_value = true,
       .scope = OptionScope::kBoth,
       .min = 0,
       .max = 0,
       .environment = "SWITCHYARD_PACKED_KERNELS",
       .doc =
           "Whether nodes may run on packed micro-kernels; off, every node runs on stock XNNPACK."},
      {.key = kOptionForceKernel,
       .default_value = std::string(),
       .scope = OptionScope::kBoth,
       .min = 0,
       .max = 0,
       .environment = "SWITCHYARD_FORCE_KERNEL",
       .doc = "Name of a row of the kernel table, which the nodes of its variant run on where it "
              "serves; loading fails if it serves none. Or a tier, whose rows are taken wherever "
              "they serve."},
      {.key = kOptionCpuFeatures,
       .default_value = std::string("host"),
       .scope = OptionScope::kBoth,
       .min = 0,
       .max = 0,
       .environment = "SWITCHYARD_CPU",
       .doc = "CPU features that packed kernels may use: a tier (host, stock"
#define SWITCHYARD_TIER(identifier, macro, name, ...) ", " name
#include "kernels/cpu/tiers.inc"
#undef SWITCHYARD_TIER
              ") or a list such as host,-sme2. Only takes features away."},
      {.key = kOptionSmeThreads,
       .default_value = int64_t{0},
       .scope = OptionScope::kBoth,
       .min = 0,
       .max = 4096,
       .environment = "SWITCHYARD_SME_THREADS",
       .doc = "Threads that may run an SME kernel at the same time, since cores share SME units; "
              "0: as many as Linux tells that there are units, else all."},
      {.key = kOptionProfileOperators,
       .default_value = true,
       .scope = OptionScope::kBoth,
       .min = 0,
       .max = 0,
       .environment = "SWITCHYARD_PROFILE_OPERATORS",
       .doc =
           "Whether a delegate that is loaded with a tracer lets XNNPACK time the operators inside "
           "its subgraphs, at the price of two readings of a clock for each; off, the trace has "
           "steps only. Without a tracer nothing is timed."},
  };
  return table;
}

LoadOptions ReadLoadOptions(const OptionMap& options) {
  return {.max_workspace_bytes = static_cast<uint64_t>(options.GetInt(kOptionMaxWorkspaceBytes)),
          .workspace_sharing =
              static_cast<WorkspaceSharing>(options.GetInt(kOptionWorkspaceSharingMode)),
          .share_weights = options.GetBool(kOptionWeightCacheEnabled),
          .packed_cache_path = options.GetString(kOptionPackedCachePath),
          .routes = {.packed_kernels = options.GetBool(kOptionPackedKernels),
                     .force_kernel = options.GetString(kOptionForceKernel)},
          .cpu_features = options.GetString(kOptionCpuFeatures),
          .sme_threads = static_cast<size_t>(options.GetInt(kOptionSmeThreads)),
          .profile_operators = options.GetBool(kOptionProfileOperators)};
}

}  // namespace switchyard
