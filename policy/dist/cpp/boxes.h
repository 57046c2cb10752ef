// What the shim and the one for CUDA share: the objects behind the pointers of shim.h, and the wrapping of calls. Both
// are compiled against one libtorch by one compiler, so that either may make, use and delete what the other holds.
#pragma once

#include "shim.h"

#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <string>

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>

struct dist_store {
  c10::intrusive_ptr<c10d::Store> inner;
};

struct dist_group {
  c10::intrusive_ptr<c10d::Backend> inner;
};

struct dist_work {
  c10::intrusive_ptr<c10d::Work> inner;
  // Nanoseconds from its start to its end; 0 until then. Null where they are not measured.
  std::shared_ptr<std::atomic<int64_t>> took = nullptr;
};

namespace {

// Runs `call` and turns what it throws into a status and a message.
template <typename Call>
int32_t guarded(char** error, Call&& call) noexcept {
  try {
    call();
    return DIST_DONE;
  } catch (const c10::DistStoreError& thrown) {
    *error = strdup(thrown.what_without_backtrace());
    return DIST_STORE_TIMED_OUT;
  } catch (const c10::DistNetworkError& thrown) {
    *error = strdup(thrown.what_without_backtrace());
    return DIST_NETWORK;
  } catch (const c10::Error& thrown) {
    *error = strdup(thrown.what_without_backtrace());
  } catch (const std::exception& thrown) {
    *error = strdup(thrown.what());
  } catch (...) {
    *error = strdup("an exception that says nothing of itself");
  }
  return DIST_FAILED;
}

inline std::string string(dist_text text) {
  return std::string(text.data, text.length);
}

inline const at::Tensor& tensor(const void* pointer) {
  return *static_cast<const at::Tensor*>(pointer);
}

} // namespace
