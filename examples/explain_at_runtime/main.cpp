// An ExecuTorch application that loads a method and asks Switchyard what runs where, and why.
#include <executorch/extension/module/module.h>
#include <switchyard/backend/plan/format_report.h>
#include <switchyard/backend/switchyard_backend.h>

#include <cstdio>
#include <string>

using executorch::extension::Module;
using executorch::runtime::Error;

namespace {

// One line for a node, one more for every reason. FormatReport() has all of this ready as text;
// here it is read from the report.
void Print(const switchyard::NodeReport& node) {
  const std::string where =
      node.kernel ? "kernel " + node.kernel->name
                  : "stock XNNPACK, as " + std::string(switchyard::Name(node.stock_form));
  std::printf("  node %u %s: %s\n", node.id, node.op.c_str(), where.c_str());
  for (const switchyard::Reason& reason : node.reasons) {
    std::printf("    not eligible: %s\n", reason.ToString().c_str());
  }
  for (const switchyard::KernelRejection& rejected : node.rejected) {
    std::printf("    not %s: %s\n", rejected.name.c_str(), rejected.reason.ToString().c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s MODEL.pte [METHOD]\n", argv[0]);
    return 2;
  }
  const std::string method = argc == 3 ? argv[2] : "forward";
  Module module(argv[1]);
  // Loading is what decides; nothing has to run.
  const Error error = module.load_method(method);
  if (error != Error::Ok) {
    std::fprintf(stderr, "%s: method %s: %s\n", argv[1], method.c_str(),
                 executorch::runtime::to_string(error));
    return 1;
  }

  switchyard::RouteSummary summary;
  for (const switchyard::LoadedDelegate& delegate : switchyard::LoadedDelegates()) {
    std::printf("method %s, on a CPU with %s\n", delegate.method.c_str(),
                delegate.report.cpu.host.ToString().c_str());
    for (const switchyard::NodeReport& node : delegate.report.nodes) Print(node);
    summary.Add(delegate.report);
  }
  std::printf("%s\n", summary.ToString().c_str());
  return 0;
}
