// `bench_peer`: ExecuTorch's own XNNPACK backend, as the benchmarks ask for it (peer_process.h).
#include <executorch/runtime/platform/platform.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "runtime/blob_runner.h"
#include "test/bench/clock.h"
#include "test/bench/contender.h"
#include "test/bench/decoder.h"
#include "test/bench/product.h"
#include "tools/executorch_threads.h"
#include "tools/peer_backend.h"

namespace switchyard::bench {
namespace {

namespace threadpool = executorch::extension::threadpool;

// Of what ExecuTorch says, the errors.
void Emit(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, size_t,
          const char* message, size_t length) {
  if (level != kError && level != kFatal) return;
  std::fprintf(stderr, "executorch: %.*s\n", static_cast<int>(length), message);
}

class Creation final : public Contender {
 public:
  // `payload` must outlive it: constants are read where they are.
  static Result<std::unique_ptr<Creation>> Make(const Product& product, const Payload& payload) {
    const uint64_t start = Nanoseconds();
    SWITCHYARD_ASSIGN(BlobRunner runner, BlobRunner::Load(tools::PeerBackend(), payload.bytes));
    std::unique_ptr<Creation> creation(new Creation(std::move(runner)));
    creation->load_seconds_ = SecondsSince(start);
    creation->arguments_.push_back(product.input);
    creation->arguments_.emplace_back(*ExternalElementType(product.output().type),
                                      product.output().dims.span());
    for (OwnedTensor& argument : creation->arguments_) {
      creation->views_.push_back(argument.View());
    }
    creation->call_.emplace(*creation->runner_.handle(), creation->views_);
    return creation;
  }

  Result<double> TimedRun() override {
    return Time([&] { return call_->Execute(); });
  }
  Result<const OwnedTensor*> Output() {
    SWITCHYARD_TRY(call_->CopyOutputs(views_));
    return &arguments_[1];
  }
  double load_seconds() const { return load_seconds_; }

 private:
  explicit Creation(BlobRunner runner) : runner_(std::move(runner)) {}

  BlobRunner runner_;
  std::vector<OwnedTensor> arguments_;
  std::vector<TensorView> views_;
  std::optional<tools::PeerCall> call_;
  double load_seconds_ = 0;
};

// Of the pool that ExecuTorch's backend runs on; what was loaded for another number is of no use.
void SetThreads(uint32_t threads) {
  static uint32_t now = 0;
  if (std::exchange(now, threads) != threads) {
    threadpool::get_threadpool()->_unsafe_reset_threadpool(threads);
  }
}

class DecoderPeer {
 public:
  // Nothing where the question is none of a decoder.
  std::optional<Result<std::string>> Answer(const std::string& what, std::istringstream& words) {
    if (what == "decoder") return SetSize(words);
    if (what == "load") return Load(words);
    if (what == "prefill") return Run(Decoder::Method::kPrefill);
    if (what == "decode") return Run(Decoder::Method::kDecode);
    if (what != "unload") return std::nullopt;
    decoder_.reset();
    return std::string();
  }

 private:
  Result<std::string> SetSize(std::istringstream& words) {
    words >> size_.layers >> size_.width >> size_.heads >> size_.key_value_heads >>
        size_.head_width >> size_.feed_forward >> size_.prompt;
    SWITCHYARD_ASSIGN(payloads_, WriteDecoder(size_));
    return std::string();
  }
  Result<std::string> Load(std::istringstream& words) {
    uint32_t threads = 1;
    words >> threads;
    decoder_.reset();
    SetThreads(threads);
    const PeakMemory memory;
    SWITCHYARD_ASSIGN(decoder_, Decoder::Load(tools::PeerBackend(), {}, size_, payloads_));
    for (const auto method : {Decoder::Method::kPrefill, Decoder::Method::kDecode}) {
      SWITCHYARD_TRY(decoder_->Run(method));
    }
    return std::format("{} {}", decoder_->load_seconds(), memory.Added());
  }
  Result<std::string> Run(Decoder::Method method) {
    if (decoder_ == nullptr) return Fail(ErrorCode::kInvalidState, "no decoder is loaded");
    SWITCHYARD_ASSIGN(const double seconds, decoder_->Run(method));
    return std::format("{}", seconds);
  }

  DecoderSize size_;
  DecoderPayloads payloads_;
  std::unique_ptr<Decoder> decoder_;
};

class Peer {
 public:
  // The answer to a question, without the "ok".
  Result<std::string> Answer(const std::string& question) {
    std::istringstream words(question);
    std::string what;
    words >> what;
    if (auto answer = decoder_.Answer(what, words)) return *std::move(answer);
    if (what == "product") return SetProduct(words);
    if (what == "create") return Create(words);
    size_t id = 0;
    words >> id;
    const auto found = creations_.find(id);
    if (found == creations_.end()) {
      return Fail(ErrorCode::kInvalidArgument, "cannot answer '{}'", question);
    }
    if (what == "destroy") {
      creations_.erase(found);
      return std::string();
    }
    if (what == "check") return Check(*found->second);
    Effort effort;
    words >> effort.runs >> effort.seconds;
    SWITCHYARD_ASSIGN(const double seconds, found->second->Fastest(effort));
    return std::format("{}", seconds);
  }

 private:
  Result<std::string> SetProduct(std::istringstream& words) {
    std::string variant_name, shape_name;
    size_t block_length = 0;
    words >> variant_name >> shape_name >> block_length;
    SWITCHYARD_ASSIGN(const Shape shape, ParseShape(shape_name));
    creations_.clear();
    product_.reset();
    for (size_t i = 0; i < kNumVariants; ++i) {
      const auto variant = static_cast<Variant>(i);
      if (Name(variant) == variant_name) product_ = MakeProduct(variant, shape, block_length);
    }
    if (!product_) return Fail(ErrorCode::kInvalidArgument, "no variant '{}'", variant_name);
    SWITCHYARD_ASSIGN(payload_, WriteProduct(*product_));
    return std::string();
  }

  Result<std::string> Create(std::istringstream& words) {
    uint32_t threads = 0;
    words >> threads;
    if (!product_ || threads == 0) return Fail(ErrorCode::kInvalidArgument, "no product");
    SetThreads(threads);
    SWITCHYARD_ASSIGN(std::unique_ptr<Creation> creation, Creation::Make(*product_, payload_));
    const double load_seconds = creation->load_seconds();
    creations_.emplace(++last_id_, std::move(creation));
    return std::format("{} {}", last_id_, load_seconds);
  }

  Result<std::string> Check(Creation& creation) {
    SWITCHYARD_TRY(creation.TimedRun());
    SWITCHYARD_ASSIGN(const OwnedTensor* output, creation.Output());
    SWITCHYARD_TRY(CheckOutput(*product_, *output));
    return std::string();
  }

  DecoderPeer decoder_;
  std::optional<Product> product_;
  Payload payload_;
  size_t last_id_ = 0;
  std::map<size_t, std::unique_ptr<Creation>> creations_;
};

}  // namespace
}  // namespace switchyard::bench

int main() {
  executorch::runtime::register_pal(
      executorch::runtime::PalImpl::create(&switchyard::bench::Emit, __FILE__));
  executorch::runtime::pal_init();
  switchyard::bench::Peer peer;
  for (std::string question; std::getline(std::cin, question);) {
    const switchyard::Result<std::string> answer = peer.Answer(question);
    std::cout << (answer ? "ok " + *answer : answer.error().message) << std::endl;
  }
}
