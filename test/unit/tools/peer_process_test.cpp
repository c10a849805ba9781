#include "tools/peer_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "test/unit/tools/fake_side.h"

namespace switchyard::tools {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct Sockets {
  Sockets() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0); }
  int ends[2] = {-1, -1};
};

// What a server answers to these bytes, after its greeting.
std::string AnswersTo(const std::string& requests, FakeSide& side,
                      Outcome<void>* outcome = nullptr) {
  Sockets sockets;
  EXPECT_EQ(write(sockets.ends[0], requests.data(), requests.size()), std::ssize(requests));
  EXPECT_EQ(shutdown(sockets.ends[0], SHUT_WR), 0);
  Outcome<void> served = ServeTurns(side, sockets.ends[1], sockets.ends[1]);
  if (outcome != nullptr) *outcome = served;
  close(sockets.ends[1]);
  std::string answers;
  char bytes[256];
  for (ssize_t count = 1; count > 0;) {
    count = read(sockets.ends[0], bytes, sizeof bytes);
    if (count > 0) answers.append(bytes, static_cast<size_t>(count));
  }
  close(sockets.ends[0]);
  EXPECT_TRUE(answers.starts_with("ok 1\n")) << answers;
  return answers.substr(answers.find('\n') + 1);
}

// A peer whose server says just this.
Outcome<std::unique_ptr<PeerProcess>> ConnectTo(const std::string& says) {
  Sockets sockets;
  EXPECT_EQ(write(sockets.ends[1], says.data(), says.size()), std::ssize(says));
  EXPECT_EQ(shutdown(sockets.ends[1], SHUT_WR), 0);
  auto peer = PeerProcess::Connect("fake", sockets.ends[0]);
  close(sockets.ends[1]);
  return peer;
}

TEST(PeerProcess, BothEndsOfALine) {
  Sockets sockets;
  std::vector<std::string> log;
  FakeSide side("side", log);
  side.loads = {12};
  side.runs = {34, 56};
  side.fails_at = "run 3";
  std::thread server([&] {
    EXPECT_TRUE(ServeTurns(side, sockets.ends[1], sockets.ends[1]));
    close(sockets.ends[1]);
  });
  {
    const auto peer = PeerProcess::Connect("fake", sockets.ends[0]);
    ASSERT_TRUE(peer) << peer.error().message;
    EXPECT_EQ((*peer)->Load(), uint64_t{12});
    EXPECT_EQ((*peer)->Run(1), uint64_t{34});
    EXPECT_EQ((*peer)->Run(2), uint64_t{56});
    const auto failed = (*peer)->Run(3);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().exit, ExitCode::kInvalidFile);
    EXPECT_EQ(failed.error().message, "fake: side cannot run 3");
    const auto memory = (*peer)->PeakMemory();
    ASSERT_TRUE(memory);
    EXPECT_GT(*memory, uint64_t{1} << 20);
    EXPECT_TRUE((*peer)->Unload());
  }
  server.join();  // it ends with its peer
  EXPECT_THAT(log,
              ElementsAre("side load", "side run 1", "side run 2", "side run 3", "side unload"));
}

TEST(PeerProcess, ServesNothingButRequests) {
  std::vector<std::string> log;
  FakeSide side("side", log);
  for (const std::string& request : {"", "load ", "load now", "run", "run ", "run -1", "run +1",
                                     "run 1e9", "run 0x10", "run 1 2", "run 18446744073709551616",
                                     " run 1", "LOAD", "unload it", "\x1b[2J", "memory\r"}) {
    const std::string answer = AnswersTo(request + "\n", side);
    EXPECT_TRUE(answer.starts_with("error 2 take-turns: the request '")) << answer;
    EXPECT_EQ(answer.find('\x1b'), std::string::npos);
    EXPECT_EQ(std::ranges::count(answer, '\n'), 1) << answer;
  }
  EXPECT_THAT(log, testing::IsEmpty());
  // What comes after one that is none is served; what has no end is not a request.
  EXPECT_THAT(AnswersTo("loda\nload\nunload", side), HasSubstr("\nok 1\n"));
  EXPECT_THAT(log, ElementsAre("side load"));
  EXPECT_EQ(AnswersTo(std::string(10'000, 'x'), side), "");
}

TEST(PeerProcess, AMessageOfManyLinesIsOneLine) {
  std::vector<std::string> log;
  FakeSide side("a\nok 7\nb", log);
  side.fails_at = "load";
  EXPECT_EQ(AnswersTo("load\n", side), "error 3 a?ok 7?b cannot load\n");
}

TEST(PeerProcess, OnlyAServerGreets) {
  for (const std::string& says : {"", "ok", "ok\n", "ok 1x\n", "ok -1\n", "hello\n", "\n",
                                  "error\n", "error 0 fine\n", "error 7 what\n", "error x y\n"}) {
    const auto peer = ConnectTo(says);
    ASSERT_FALSE(peer) << says;
    EXPECT_EQ(peer.error().exit, ExitCode::kUnsupported);
    EXPECT_THAT(peer.error().message, HasSubstr("fake")) << says;
  }
  EXPECT_THAT(ConnectTo("ok 2\n").error().message, HasSubstr("in version 2, expected 1"));
  EXPECT_THAT(ConnectTo(std::string(100'000, 'x')).error().message,
              HasSubstr("expected an answer"));
  const auto refused = ConnectTo("error 3 no such file\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exit, ExitCode::kInvalidFile);
  EXPECT_EQ(refused.error().message, "fake: no such file");
}

TEST(PeerProcess, OneThatEndsIsAnErrorAndStaysOne) {
  const auto peer = ConnectTo("ok 1\nok 5\n");
  ASSERT_TRUE(peer) << peer.error().message;
  EXPECT_EQ((*peer)->Load(), uint64_t{5});
  for (int i = 0; i < 2; ++i) {
    const auto run = (*peer)->Run(1);
    ASSERT_FALSE(run);
    EXPECT_EQ(run.error().exit, ExitCode::kUnsupported);
    EXPECT_THAT(run.error().message, HasSubstr("ended"));
  }
}

TEST(PeerProcess, ProgramsThatDoNotServe) {
  // Under emulation one that is not there starts and ends.
  const auto missing = PeerProcess::Start("/no/such/program", {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().exit, ExitCode::kUnsupported);
  EXPECT_THAT(missing.error().message, HasSubstr("program"));
  EXPECT_THAT(missing.error().message,
              AnyOf(HasSubstr("cannot be started: No such file"), HasSubstr("exit code 127")));
  const auto ended = PeerProcess::Start("/bin/sh", {"-c", "exit 5"});
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("sh: it ended with exit code 5"));
  const auto killed = PeerProcess::Start("/bin/sh", {"-c", "kill -9 $$"});
  ASSERT_FALSE(killed);
  EXPECT_THAT(killed.error().message, HasSubstr("sh: it died of signal 9"));
  const auto served = PeerProcess::Start(
      "/bin/sh", {"-c", "echo ok 1; while read line; do echo ok $(echo $line | tr -cd 0-9); done"});
  ASSERT_TRUE(served) << served.error().message;
  EXPECT_EQ((*served)->Run(321), uint64_t{321});
}

}  // namespace
}  // namespace switchyard::tools
