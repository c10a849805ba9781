// A Side in a process of its own, which runs the hidden subcommand `take-turns` of `switchyard` or
// `switchyard-peer`. Requests and answers are lines on its standard input and output:
//
//   load | run NANOSECONDS | unload | memory   ->   ok NUMBER   or   error EXIT-CODE MESSAGE
//
// Before the first request it says `ok 1`: the model is open, and this is version 1.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tools/failure.h"
#include "tools/turns.h"

namespace switchyard::tools {

// Answers the requests that come in on `input` until it ends. Before an answer to `run` the process
// has become idle: threads that wait for more work have gone to sleep, and do not slow the others.
// Errors: Usage for what is not a request, or when an answer cannot be written.
Outcome<void> ServeTurns(Side& side, int input, int output);

// In the place of the first `ok`, where there is nothing to serve.
void RefuseTurns(const Failure& failure, int output);

class PeerProcess final : public Side {
 public:
  // Starts `program` with `arguments` (without argv[0]), which make it serve. Errors: Unsupported
  // when it cannot be started, or does not begin as one that serves does.
  static Outcome<std::unique_ptr<PeerProcess>> Start(const std::filesystem::path& program,
                                                     const std::vector<std::string>& arguments);
  // A server behind a socket, which is closed in the end. `name` is for messages.
  static Outcome<std::unique_ptr<PeerProcess>> Connect(std::string name, int socket);

  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;
  // Waits for the process to end.
  ~PeerProcess() override;

  Outcome<uint64_t> Load() override { return Ask("load"); }
  Outcome<uint64_t> Run(uint64_t nanoseconds) override;
  Outcome<void> Unload() override;
  // The most memory that it has had, in bytes.
  Outcome<uint64_t> PeakMemory() { return Ask("memory"); }

 private:
  PeerProcess(std::string name, int socket, pid_t process)
      : name_(std::move(name)), socket_(socket), process_(process) {}

  Outcome<void> Greet();
  Outcome<uint64_t> Ask(const std::string& request);
  Outcome<uint64_t> Answer();
  Outcome<std::string> ReadLine();
  // Closes the socket and waits for the process; what became of it, for a message.
  std::string End();

  const std::string name_;
  int socket_;          // -1: closed
  pid_t process_;       // -1: none, or it has ended
  std::string buffer_;  // read, and not taken yet
};

// The most memory that this process has had since the last reset, in bytes; 0 where Linux does not
// say.
uint64_t PeakMemory();
void ResetPeakMemory();

}  // namespace switchyard::tools
