#include "test/bench/ours.h"

#include <optional>
#include <utility>

#include "backend/plan/step_description.h"
#include "backend/switchyard_backend.h"
#include "test/bench/clock.h"

namespace switchyard::bench {

// Times the steps of one execute.
class Ours::StepTimer final : public Tracer {
 public:
  uint64_t Now() override { return Nanoseconds(); }
  void Event(const TraceEvent& event) override {
    if (event.kind != TraceKind::kStep) return;
    if (event.route == kRoutePackLhs) has_pack_ = true;
    if (event.route == kRoutePacked && !product_) {
      product_ = static_cast<double>(event.end - event.start) * 1e-9;
    }
  }
  std::optional<double> product() const { return has_pack_ ? product_ : std::nullopt; }

 private:
  bool has_pack_ = false;
  std::optional<double> product_;
};

Result<std::unique_ptr<Ours>> Ours::Make(const Product& product, const Payload& payload,
                                         const LoadOptionValues& options, pthreadpool* pool,
                                         bool twice) {
  std::unique_ptr<Backend> backend = MakeSwitchyardBackend();
  InitContext context;
  context.services.thread_pool = pool;
  context.load_options = options;
  context.is_traced = twice;
  const uint64_t start = Nanoseconds();
  SWITCHYARD_ASSIGN(BlobRunner runner, BlobRunner::Load(*backend, payload.bytes, context));
  const double load_seconds = SecondsSince(start);
  std::unique_ptr<Ours> ours(new Ours(std::move(backend), std::move(runner)));
  ours->load_seconds_ = load_seconds;
  ours->twice_ = twice;
  ours->arguments_.push_back(product.input);
  const OwnedTensor output(*ExternalElementType(product.output().type),
                           product.output().dims.span());
  ours->arguments_.resize(twice ? 3 : 2, output);
  for (OwnedTensor& argument : ours->arguments_) ours->views_.push_back(argument.View());
  return ours;
}

Result<double> Ours::TimedRun() {
  if (!twice_) return Time([&] { return runner_.Run(views_); });
  StepTimer timer;
  SWITCHYARD_TRY(runner_.Run(views_, {.tracer = &timer}));
  if (timer.product()) return *timer.product();
  return Fail(ErrorCode::kNotSupported, "{}: its rows are not packed by a step of their own",
              node().op);
}

const NodeReport& Ours::node() const {
  const std::vector<NodeReport>& nodes = LoadedReport(*runner_.handle()).nodes;
  return twice_ ? nodes[nodes.size() - 2] : nodes.back();
}

uint64_t Ours::packed_bytes() const { return LoadedReport(*runner_.handle()).packed_weight_bytes; }

}  // namespace switchyard::bench
