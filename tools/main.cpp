// `switchyard`: delegates run on our backend, which registers itself with ExecuTorch.
#include <iostream>

#include "backend/switchyard_backend.h"
#include "tools/cli.h"

int main(int argc, char** argv) {
  switchyard::tools::Cli cli{
      .name = "switchyard",
      .description =
          "Looks into, runs and checks models that ExecuTorch's XNNPACK partitioner has "
          "delegated",
      .payload_backend = &switchyard::SwitchyardBackend(),
      .reads_files = true,
      .backend_options = switchyard::BackendOptionTable(),
  };
  return switchyard::tools::RunCommandLine(cli, argc, argv, std::cout, std::cerr);
}
