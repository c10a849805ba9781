// ExecuTorch's own backend as a side of a comparison: in a process of its own, since it brings
// another XNNPACK under the same names, which waits while this one measures.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/error.h"
#include "test/bench/contender.h"
#include "test/bench/product.h"

namespace switchyard::bench {

// The conversation with it, a line for each question and each answer.
//
//   product VARIANT SHAPE BLOCK   ok                 it makes the same product, by its name
//   create THREADS                ok ID SECONDS      loads it; the seconds are those of loading
//   check ID                      ok                 runs it, and compares with the reference
//   fastest ID RUNS SECONDS       ok SECONDS         as Contender::Fastest
//   destroy ID                    ok
//
// And of a decoder (decoder.h):
//
//   decoder LAYERS WIDTH HEADS KVHEADS HEADWIDTH FEEDFORWARD PROMPT   ok   makes it
//   load THREADS                  ok SECONDS BYTES   loads it anew, runs both methods; what it took
//   prefill, decode               ok SECONDS         one execute
//   unload                        ok
//
// Any other answer than "ok" is the message of an error. It ends with its standard input.
class PeerProcess {
 public:
  // Starts `program`. Errors: AccessFailed.
  static Result<std::unique_ptr<PeerProcess>> Start(const std::string& program);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // Beside this program.
  static std::string Program();

  // What follows the "ok". Errors: Internal with the answer, or where the process has ended.
  Result<std::string> Ask(std::string_view question);

  // What is created from now on.
  Status SetProduct(const Product& product, size_t block_length);
  // Loads the product. Must not outlive this.
  Result<std::unique_ptr<Contender>> Create(size_t threads);
  // Whether one more that is created gives the right answers; what it took to load it, in seconds.
  Result<double> Check(size_t threads);

 private:
  class Creation;
  PeerProcess(int process, std::FILE* questions, std::FILE* answers)
      : process_(process), questions_(questions), answers_(answers) {}

  struct Created {
    std::string id;
    double load_seconds;
  };
  Result<Created> AskForOne(size_t threads);

  const int process_;
  std::FILE* const questions_;
  std::FILE* const answers_;
};

}  // namespace switchyard::bench
