// The shim over PyTorch's c10d: TCPStore, PrefixStore and Gloo process groups behind a C interface. It knows nothing of
// ranks' roles, meshes or deadlines but those it is given. A group is a c10d::Backend, so a library for another backend
// has only to make one.

#include "shim.h"

#include "boxes.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <c10/util/Logging.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/distributed/c10d/FakeProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace {

using std::chrono::milliseconds;

std::vector<std::string> strings(const dist_text* texts, size_t count) {
  std::vector<std::string> all;
  all.reserve(count);
  for (size_t index = 0; index < count; ++index) {
    all.push_back(string(texts[index]));
  }
  return all;
}

c10d::ReduceOp reduce_op(int32_t reduction) {
  switch (reduction) {
    case 0:
      return c10d::ReduceOp::SUM;
    case 1:
      return c10d::ReduceOp::MAX;
    case 2:
      return c10d::ReduceOp::MIN;
    default:
      throw std::invalid_argument("no reduction has the number " + std::to_string(reduction));
  }
}

// The node of a value that was computed outside of the graph.
struct MappedBackward final : public torch::autograd::Node {
  explicit MappedBackward(dist_gradient_map map) : map(map) {}

  ~MappedBackward() override {
    map.release(map.context);
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    if (!gradients[0].defined()) {
      return {at::Tensor()};
    }
    auto* gradient = new at::Tensor(gradients[0]);
    const std::unique_ptr<at::Tensor> mapped(static_cast<at::Tensor*>(map.apply(map.context, gradient)));
    if (mapped == nullptr) {
      throw std::runtime_error("the gradient of an operation between ranks could not be made");
    }
    return {*mapped};
  }

  dist_gradient_map map;
};

// One rank of a group whose other ranks do not exist. c10d's own leaves what an all-to-all receives as it was in memory;
// here every other rank sends what this one keeps for itself, as in its all-gather, so that sums are finite.
class FakeGroup : public c10d::FakeProcessGroup {
 public:
  FakeGroup(int rank, int size) : c10d::FakeProcessGroup(rank, size, c10::make_intrusive<Options>()) {}

  c10::intrusive_ptr<c10d::Work> alltoall_base(at::Tensor& output, at::Tensor& input,
                                               std::vector<int64_t>& output_splits, std::vector<int64_t>& input_splits,
                                               const c10d::AllToAllOptions& options) override {
    int64_t own_start = 0;
    for (int rank = 0; rank < getRank(); ++rank) {
      own_start += input_splits.at(rank);
    }
    const at::Tensor own = input.narrow(0, own_start, input_splits.at(getRank()));
    int64_t start = 0;
    for (const int64_t split : output_splits) {
      at::Tensor part = output.narrow(0, start, split);
      if (split == own.size(0)) {
        part.copy_(own);
      } else {
        part.zero_();
      }
      start += split;
    }
    return c10d::FakeProcessGroup::alltoall_base(output, input, output_splits, input_splits, options);
  }
};

// Has TORCH_CPP_LOG_LEVEL looked at; without it only errors are printed, for what c10d warns of is in the errors of its
// calls, and comes with a stack each time.
void init_logging() {
  c10::initLogging();
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) {
    FLAGS_caffe2_log_level = static_cast<int>(c10::GLOG_ERROR);
  }
}

} // namespace

void dist_text_free(char* text) {
  std::free(text);
}

int32_t dist_store_open(dist_text host, uint16_t port, int32_t is_server, int32_t listen_fd, int64_t timeout_ms,
                        dist_store** store, char** error) {
  return guarded(error, [&] {
    static const bool is_logging = (init_logging(), true);
    static_cast<void>(is_logging);
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = is_server != 0;
    options.waitWorkers = false;
    options.timeout = milliseconds(timeout_ms);
    if (listen_fd >= 0) {
      options.masterListenFd = listen_fd;
    }
    *store = new dist_store{c10::make_intrusive<c10d::TCPStore>(string(host), options)};
  });
}

int32_t dist_store_prefixed(const dist_store* store, dist_text prefix, dist_store** prefixed, char** error) {
  return guarded(error, [&] {
    *prefixed = new dist_store{c10::make_intrusive<c10d::PrefixStore>(string(prefix), store->inner)};
  });
}

int32_t dist_store_set(const dist_store* store, dist_text key, const uint8_t* value, size_t length, char** error) {
  return guarded(error, [&] { store->inner->set(string(key), std::vector<uint8_t>(value, value + length)); });
}

int32_t dist_store_get(const dist_store* store, dist_text key, int64_t timeout_ms, uint8_t** value, size_t* length,
                       char** error) {
  return guarded(error, [&] {
    c10d::StoreTimeoutGuard timeout(*store->inner, milliseconds(timeout_ms));
    const std::vector<uint8_t> bytes = store->inner->get(string(key));
    auto* copy = static_cast<uint8_t*>(std::malloc(bytes.size() + 1));
    if (copy == nullptr) {
      throw std::bad_alloc();
    }
    std::copy(bytes.begin(), bytes.end(), copy);
    *value = copy;
    *length = bytes.size();
  });
}

int32_t dist_store_wait(const dist_store* store, const dist_text* keys, size_t num_keys, int64_t timeout_ms,
                        char** error) {
  return guarded(error, [&] { store->inner->wait(strings(keys, num_keys), milliseconds(timeout_ms)); });
}

int32_t dist_store_check(const dist_store* store, const dist_text* keys, size_t num_keys, int32_t* all_there,
                         char** error) {
  return guarded(error, [&] { *all_there = store->inner->check(strings(keys, num_keys)) ? 1 : 0; });
}

int32_t dist_store_add(const dist_store* store, dist_text key, int64_t amount, int64_t* sum, char** error) {
  return guarded(error, [&] { *sum = store->inner->add(string(key), amount); });
}

int32_t dist_store_delete(const dist_store* store, dist_text key, int32_t* was_there, char** error) {
  return guarded(error, [&] { *was_there = store->inner->deleteKey(string(key)) ? 1 : 0; });
}

void dist_store_free(dist_store* store) {
  delete store;
}

void dist_bytes_free(uint8_t* bytes) {
  std::free(bytes);
}

int32_t dist_group_gloo(const dist_store* store, int32_t rank, int32_t size, int64_t timeout_ms, dist_group** group,
                        char** error) {
  return guarded(error, [&] {
    c10d::StoreTimeoutGuard timeout(*store->inner, milliseconds(timeout_ms));
    auto options = c10d::ProcessGroupGloo::Options::create_default(milliseconds(timeout_ms));
    *group = new dist_group{c10::make_intrusive<c10d::ProcessGroupGloo>(store->inner, rank, size, std::move(options))};
  });
}

int32_t dist_group_fake(int32_t rank, int32_t size, dist_group** group, char** error) {
  return guarded(error, [&] { *group = new dist_group{c10::make_intrusive<FakeGroup>(rank, size)}; });
}

void dist_group_free(dist_group* group) {
  delete group;
}

int32_t dist_group_broadcast(dist_group* group, const void* shared, int32_t root, int64_t timeout_ms,
                             dist_work** work, char** error) {
  return guarded(error, [&] {
    std::vector<at::Tensor> tensors{tensor(shared)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    options.timeout = milliseconds(timeout_ms);
    *work = new dist_work{group->inner->broadcast(tensors, options)};
  });
}

int32_t dist_group_all_reduce(dist_group* group, const void* reduced, int32_t reduction, int64_t timeout_ms,
                              dist_work** work, char** error) {
  return guarded(error, [&] {
    std::vector<at::Tensor> tensors{tensor(reduced)};
    c10d::AllreduceOptions options;
    options.reduceOp = reduce_op(reduction);
    options.timeout = milliseconds(timeout_ms);
    *work = new dist_work{group->inner->allreduce(tensors, options)};
  });
}

int32_t dist_group_all_gather(dist_group* group, const void* output, const void* input, int64_t timeout_ms,
                              dist_work** work, char** error) {
  return guarded(error, [&] {
    at::Tensor gathered = tensor(output);
    at::Tensor own = tensor(input);
    c10d::AllgatherOptions options;
    options.timeout = milliseconds(timeout_ms);
    const auto begun = std::chrono::steady_clock::now();
    c10::intrusive_ptr<c10d::Work> inner = group->inner->_allgather_base(gathered, own, options);
    std::shared_ptr<std::atomic<int64_t>> took;
    if (group->inner->getBackendName() == "gloo") {
      took = std::make_shared<std::atomic<int64_t>>(0);
      // Gloo's thread calls this before it wakes whoever waits.
      inner->getFuture()->addCallback([took, begun](c10::ivalue::Future&) {
        const auto time = std::chrono::steady_clock::now() - begun;
        took->store(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
      });
    }
    *work = new dist_work{std::move(inner), std::move(took)};
  });
}

int32_t dist_group_all_to_all(dist_group* group, const void* output, const void* input, const int64_t* output_splits,
                              const int64_t* input_splits, size_t num_splits, int64_t timeout_ms, dist_work** work,
                              char** error) {
  return guarded(error, [&] {
    at::Tensor received = tensor(output);
    at::Tensor sent = tensor(input);
    std::vector<int64_t> received_splits(output_splits, output_splits + num_splits);
    std::vector<int64_t> sent_splits(input_splits, input_splits + num_splits);
    c10d::AllToAllOptions options;
    options.timeout = milliseconds(timeout_ms);
    *work = new dist_work{group->inner->alltoall_base(received, sent, received_splits, sent_splits, options)};
  });
}

int32_t dist_group_reduce_scatter(dist_group* group, const void* output, const void* input, int32_t reduction,
                                  int64_t timeout_ms, dist_work** work, char** error) {
  return guarded(error, [&] {
    at::Tensor part = tensor(output);
    at::Tensor whole = tensor(input);
    c10d::ReduceScatterOptions options;
    options.reduceOp = reduce_op(reduction);
    options.timeout = milliseconds(timeout_ms);
    *work = new dist_work{group->inner->_reduce_scatter_base(part, whole, options)};
  });
}

int32_t dist_group_abort(dist_group* group, char** error) {
  return guarded(error, [&] { group->inner->abort(); });
}

int32_t dist_group_barrier(dist_group* group, int64_t timeout_ms, dist_work** work, char** error) {
  return guarded(error, [&] {
    c10d::BarrierOptions options;
    options.timeout = milliseconds(timeout_ms);
    *work = new dist_work{group->inner->barrier(options)};
  });
}

int32_t dist_work_wait(dist_work* work, int64_t timeout_ms, char** error) {
  return guarded(error, [&] {
    if (!work->inner->wait(milliseconds(timeout_ms))) {
      throw std::runtime_error("the operation was given up");
    }
  });
}

int32_t dist_work_order(dist_work* work, char** error) {
  return guarded(error, [&] { work->inner->synchronize(); });
}

int32_t dist_work_poll(dist_work* work, int32_t* is_done, char** error) {
  return guarded(error, [&] {
    *is_done = work->inner->isCompleted() ? 1 : 0;
    if (const std::exception_ptr failure = work->inner->exception()) {
      std::rethrow_exception(failure);
    }
  });
}

int64_t dist_work_took(const dist_work* work) {
  return work->took ? work->took->load() : 0;
}

void dist_work_free(dist_work* work) {
  delete work;
}

int32_t dist_graph_mapped(const void* input, const void* value, dist_gradient_map map, void** output, char** error) {
  return guarded(error, [&] {
    const std::shared_ptr<MappedBackward> node(new MappedBackward(map), torch::autograd::deleteNode);
    auto mapped = std::make_unique<at::Tensor>(tensor(value).detach());
    if (at::GradMode::is_enabled() && tensor(input).requires_grad()) {
      node->set_next_edges(torch::autograd::collect_next_edges(tensor(input)));
      torch::autograd::set_history(*mapped, node);
    }
    *output = mapped.release();
  });
}
