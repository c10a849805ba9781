#include "tools/peer_process.h"

#include <malloc.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "runtime/base/format.h"
#include "tools/text.h"

extern char** environ;

namespace switchyard::tools {
namespace {

constexpr uint64_t kVersion = 1;
constexpr size_t kMaxLine = 4096;

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || parsed != end) return std::nullopt;
  return number;
}

// "word rest" -> word, rest
std::pair<std::string_view, std::string_view> SplitWord(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == line.npos) return {line, {}};
  return {line.substr(0, space), line.substr(space + 1)};
}

uint64_t ProcessNanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// A thread pool's threads spin for a while after their last work.
void WaitUntilIdle() {
  constexpr int kMaxWaits = 200;
  constexpr uint64_t kIdle = 200'000;  // nanoseconds of all threads in a wait
  for (int i = 0; i < kMaxWaits; ++i) {
    const uint64_t before = ProcessNanoseconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (ProcessNanoseconds() - before < kIdle) return;
  }
}

// A whole line, without its end; nothing at the end of the input, or where a line is too long.
std::optional<std::string> ReadRequest(int input, std::string& buffer) {
  while (true) {
    const size_t end = buffer.find('\n');
    if (end != buffer.npos) {
      std::string line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      return line;
    }
    char bytes[512];
    const ssize_t count = read(input, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || buffer.size() > kMaxLine) return std::nullopt;
    buffer.append(bytes, static_cast<size_t>(count));
  }
}

Outcome<void> WriteAll(int output, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(output, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return Fail(ExitCode::kUsage, "take-turns: the answer cannot be written: {}",
                  std::strerror(errno));
    }
    text.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Outcome<uint64_t> Serve(Side& side, std::string_view request) {
  const auto [word, rest] = SplitWord(request);
  const std::optional<uint64_t> number = Number(rest);
  if (request == "load") return side.Load();
  if (request == "memory") return PeakMemory();
  if (request == "unload") {
    SWITCHYARD_TRY(side.Unload());
    return uint64_t{0};
  }
  if (word == "run" && number) {
    Outcome<uint64_t> fastest = side.Run(*number);
    WaitUntilIdle();
    return fastest;
  }
  return Fail(ExitCode::kUsage,
              "take-turns: the request '{}', expected load, run NANOSECONDS, unload or memory; "
              "`switchyard bench --peer` makes them",
              Printable(std::string(request.substr(0, 80))));
}

std::string ErrorLine(const Failure& failure) {
  return Format("error {} {}\n", std::to_underlying(failure.exit),
                Printable(failure.message).substr(0, kMaxLine / 2));
}

}  // namespace

void RefuseTurns(const Failure& failure, int output) {
  static_cast<void>(WriteAll(output, ErrorLine(failure)));
}

Outcome<void> ServeTurns(Side& side, int input, int output) {
  SWITCHYARD_TRY(WriteAll(output, Format("ok {}\n", kVersion)));
  std::string buffer;
  while (const std::optional<std::string> request = ReadRequest(input, buffer)) {
    const Outcome<uint64_t> answer = Serve(side, *request);
    SWITCHYARD_TRY(
        WriteAll(output, answer ? Format("ok {}\n", *answer) : ErrorLine(answer.error())));
  }
  return {};
}

Outcome<std::unique_ptr<PeerProcess>> PeerProcess::Start(
    const std::filesystem::path& program, const std::vector<std::string>& arguments) {
  const std::string name = program.filename().string();
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return Fail(ExitCode::kUnsupported, "{}: no socket to it: {}", name, std::strerror(errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, sockets[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, sockets[1], STDOUT_FILENO);
  std::string path = program.string();
  std::vector<char*> argv = {path.data()};
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t process = -1;
  const int error = posix_spawn(&process, path.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(sockets[1]);
  if (error != 0) {
    close(sockets[0]);
    return Fail(ExitCode::kUnsupported,
                "{}: cannot be started: {}; build it beside `switchyard`, or name it with "
                "--peer-program",
                path, std::strerror(error));
  }
  std::unique_ptr<PeerProcess> peer(new PeerProcess(name, sockets[0], process));
  SWITCHYARD_TRY(peer->Greet());
  return peer;
}

Outcome<std::unique_ptr<PeerProcess>> PeerProcess::Connect(std::string name, int socket) {
  std::unique_ptr<PeerProcess> peer(new PeerProcess(std::move(name), socket, -1));
  SWITCHYARD_TRY(peer->Greet());
  return peer;
}

PeerProcess::~PeerProcess() { End(); }

std::string PeerProcess::End() {
  if (socket_ >= 0) close(std::exchange(socket_, -1));
  if (process_ < 0) return "it has ended";
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  return WIFSIGNALED(status) ? Format("it died of signal {}", WTERMSIG(status))
                             : Format("it ended with exit code {}", WEXITSTATUS(status));
}

Outcome<void> PeerProcess::Greet() {
  SWITCHYARD_ASSIGN(const uint64_t version, Answer());
  if (version == kVersion) return {};
  return Fail(ExitCode::kUnsupported,
              "{}: takes turns in version {}, expected {}; build both of one source", name_,
              version, kVersion);
}

Outcome<std::string> PeerProcess::ReadLine() {
  if (std::optional<std::string> line = ReadRequest(socket_, buffer_)) return *std::move(line);
  return Fail(ExitCode::kUnsupported,
              "{}: {}, expected an answer; run it by itself to see what is wrong", name_, End());
}

Outcome<uint64_t> PeerProcess::Answer() {
  SWITCHYARD_ASSIGN(const std::string line, ReadLine());
  const auto [word, rest] = SplitWord(line);
  if (const std::optional<uint64_t> number = Number(rest); word == "ok" && number) return *number;
  const auto [code, message] = SplitWord(rest);
  const std::optional<uint64_t> exit = Number(code);
  constexpr auto kLast = static_cast<uint64_t>(ExitCode::kUnsupported);
  if (word == "error" && exit && *exit > uint64_t{0} && *exit <= kLast) {
    return Fail(static_cast<ExitCode>(*exit), "{}: {}", name_, message);
  }
  return Fail(ExitCode::kUnsupported,
              "{}: answers '{}', expected 'ok NUMBER' or 'error EXIT-CODE MESSAGE'; build it of "
              "the same source",
              name_, Printable(line.substr(0, 80)));
}

Outcome<uint64_t> PeerProcess::Ask(const std::string& request) {
  if (socket_ < 0) return Fail(ExitCode::kUnsupported, "{}: has ended; start it again", name_);
  const std::string line = request + '\n';
  // One line always fits into a socket's buffer. A peer that is gone shows in the answer.
  while (send(socket_, line.data(), line.size(), MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
  return Answer();
}

Outcome<uint64_t> PeerProcess::Run(uint64_t nanoseconds) {
  return Ask(Format("run {}", nanoseconds));
}

Outcome<void> PeerProcess::Unload() {
  SWITCHYARD_TRY(Ask("unload"));
  return {};
}

uint64_t PeakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    uint64_t kibibytes = 0;
    if (std::sscanf(line.c_str(), "VmHWM: %lu kB", &kibibytes) == 1) return kibibytes << 10;
  }
  return 0;
}

void ResetPeakMemory() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

}  // namespace switchyard::tools
