// `switchyard-peer`: the same on ExecuTorch's own XNNPACK backend, to compare answers and speed
// with.
#include <iostream>

#include "tools/cli.h"
#include "tools/peer_backend.h"

int main(int argc, char** argv) {
  switchyard::tools::Cli cli{
      .name = "switchyard-peer",
      .description = "Runs and checks models on ExecuTorch's own XNNPACK backend",
      .payload_backend = &switchyard::tools::PeerBackend(),
  };
  return switchyard::tools::RunCommandLine(cli, argc, argv, std::cout, std::cerr);
}
