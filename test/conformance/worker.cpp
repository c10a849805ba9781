#include "test/conformance/worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <format>
#include <string>
#include <utility>

namespace switchyard::conformance {
namespace {

// A result without its text, which follows it.
struct Message {
  Outcome outcome;
  double worst;
  uint64_t num_elements, num_exact;
  double seconds;
  size_t detail_bytes;
};

bool WriteAll(int file, const void* data, size_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = write(file, from, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    from += written;
    bytes -= static_cast<size_t>(written);
  }
  return true;
}

bool ReadAll(int file, void* data, size_t bytes) {
  char* to = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = read(file, to, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

bool ReadResult(int file, CaseResult& result) {
  Message message;
  if (!ReadAll(file, &message, sizeof message)) return false;
  result = {message.outcome, {}, message.worst, message.num_elements, message.num_exact,
            message.seconds};
  result.detail.resize(message.detail_bytes);
  return ReadAll(file, result.detail.data(), result.detail.size());
}

bool WriteResult(int file, const CaseResult& result) {
  Message message;
  std::memset(&message, 0, sizeof message);
  message = {result.outcome,   result.worst,   result.num_elements,
             result.num_exact, result.seconds, result.detail.size()};
  return WriteAll(file, &message, sizeof message) &&
         WriteAll(file, result.detail.data(), result.detail.size());
}

}  // namespace

Worker::~Worker() {
  if (process_ > 0) Stop(false);
}

void Worker::Start() {
  int requests[2], results[2];
  if (pipe(requests) != 0 || pipe(results) != 0) {
    std::perror("conformance: pipe");
    std::exit(1);
  }
  std::fflush(nullptr);
  process_ = fork();
  if (process_ < 0) {
    std::perror("conformance: fork");
    std::exit(1);
  }
  if (process_ == 0) {
    close(requests[1]);
    close(results[0]);
    Serve(requests[0], results[1]);
  }
  close(requests[0]);
  close(results[1]);
  requests_ = requests[1];
  results_ = results[0];
  signal(SIGPIPE, SIG_IGN);  // a write to a worker that died is an error, not the end of the suite
}

void Worker::Serve(int requests, int results) {
  size_t index;
  while (ReadAll(requests, &index, sizeof index)) {
    if (!WriteResult(results, run_(index))) break;
  }
  // Destructors of the parent's objects, and its buffered output, are the parent's.
  _exit(0);
}

std::string Worker::Stop(bool kill_it) {
  close(requests_);
  close(results_);
  if (kill_it) kill(process_, SIGKILL);
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  if (WIFSIGNALED(status)) {
    return std::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  return std::format("exit {}", WEXITSTATUS(status));
}

CaseResult Worker::Run(size_t index) {
  if (process_ < 0) Start();
  CaseResult result;
  bool arrived = false, late = false;
  if (WriteAll(requests_, &index, sizeof index)) {
    const auto deadline = std::chrono::steady_clock::now() + timeout_;
    pollfd waiting{results_, POLLIN, 0};
    int ready = -1;
    do {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      ready = poll(&waiting, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    } while (ready < 0 && errno == EINTR);
    late = ready == 0;
    arrived = !late && ReadResult(results_, result);
  }
  if (arrived) return result;
  const std::string end = Stop(late);
  result = {};
  result.outcome = late ? Outcome::kTimeout : Outcome::kCrash;
  result.detail = late ? std::format("no answer within {}", timeout_)
                       : std::format("the process ended with {}", end);
  return result;
}

}  // namespace switchyard::conformance
