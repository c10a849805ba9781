#include "test/bench/peer_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "runtime/base/format.h"

namespace switchyard::bench {

class PeerProcess::Creation final : public Contender {
 public:
  Creation(PeerProcess& peer, std::string id) : peer_(peer), id_(std::move(id)) {}
  ~Creation() override { (void)peer_.Ask("destroy " + id_); }

  Result<double> TimedRun() override { return Fastest({.runs = 1, .seconds = 0}); }
  Result<double> Fastest(const Effort& effort) override {
    SWITCHYARD_ASSIGN(const std::string answer,
                      peer_.Ask(Format("fastest {} {} {}", id_, effort.runs, effort.seconds)));
    return std::strtod(answer.c_str(), nullptr);
  }

 private:
  PeerProcess& peer_;
  const std::string id_;
};

Result<std::unique_ptr<PeerProcess>> PeerProcess::Start(const std::string& program) {
  // Its end is an answer that does not come, not the end of this process.
  signal(SIGPIPE, SIG_IGN);
  int questions[2], answers[2];
  if (access(program.c_str(), X_OK) != 0 || pipe(questions) != 0 || pipe(answers) != 0) {
    return Fail(ErrorCode::kAccessFailed,
                "{}: cannot be started; build it, with SWITCHYARD_EXECUTORCH, or leave out --peers",
                program);
  }
  const pid_t process = fork();
  if (process == 0) {
    dup2(questions[0], STDIN_FILENO);
    dup2(answers[1], STDOUT_FILENO);
    for (const int file : {questions[0], questions[1], answers[0], answers[1]}) close(file);
    execl(program.c_str(), program.c_str(), nullptr);
    _exit(127);
  }
  close(questions[0]);
  close(answers[1]);
  std::FILE* const to = fdopen(questions[1], "w");
  std::FILE* const from = fdopen(answers[0], "r");
  if (process < 0 || to == nullptr || from == nullptr) {
    return Fail(ErrorCode::kAccessFailed, "{}: no process for it; end others", program);
  }
  return std::unique_ptr<PeerProcess>(new PeerProcess(process, to, from));
}

std::string PeerProcess::Program() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bench_peer").string();
}

PeerProcess::~PeerProcess() {
  std::fclose(questions_);
  std::fclose(answers_);
  waitpid(process_, nullptr, 0);
}

Result<std::string> PeerProcess::Ask(std::string_view question) {
  std::fprintf(questions_, "%.*s\n", static_cast<int>(question.size()), question.data());
  std::fflush(questions_);
  char* line = nullptr;
  size_t capacity = 0;
  const ssize_t length = getline(&line, &capacity, answers_);
  std::string answer(line == nullptr ? "" : line, length > 0 ? static_cast<size_t>(length) - 1 : 0);
  std::free(line);
  if (answer.starts_with("ok")) return answer.substr(answer.size() > 2 ? 3 : 2);
  return Fail(ErrorCode::kInternal, "ExecuTorch's backend: {}",
              length > 0 ? answer : "its process has ended at '" + std::string(question) + "'");
}

Status PeerProcess::SetProduct(const Product& product, size_t block_length) {
  SWITCHYARD_TRY(
      Ask(Format("product {} {} {}", Name(product.variant), product.shape.name, block_length)));
  return {};
}

Result<PeerProcess::Created> PeerProcess::AskForOne(size_t threads) {
  SWITCHYARD_ASSIGN(const std::string answer, Ask(Format("create {}", threads)));
  const size_t space = answer.find(' ');
  return Created{answer.substr(0, space), std::strtod(answer.c_str() + space, nullptr)};
}

Result<std::unique_ptr<Contender>> PeerProcess::Create(size_t threads) {
  SWITCHYARD_ASSIGN(Created created, AskForOne(threads));
  return std::make_unique<Creation>(*this, std::move(created.id));
}

Result<double> PeerProcess::Check(size_t threads) {
  SWITCHYARD_ASSIGN(Created created, AskForOne(threads));
  const Creation creation(*this, created.id);
  SWITCHYARD_TRY(Ask("check " + created.id));
  return created.load_seconds;
}

}  // namespace switchyard::bench
