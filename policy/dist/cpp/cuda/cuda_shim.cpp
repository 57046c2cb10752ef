// The shim's CUDA half, over c10's CUDA functions and c10d's NCCL groups. The program loads it after libtorch_cuda, and
// only where that is; it knows nothing of ranks' roles, deadlines or what is computed.

#include "cuda_shim.h"

#include "../boxes.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include <ATen/Functions.h>
#include <ATen/ops/from_blob.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

struct dist_cuda_stream {
  c10::cuda::CUDAStream inner;
};

struct dist_cuda_event {
  at::cuda::CUDAEvent inner;
};

namespace {

using std::chrono::milliseconds;

c10::DeviceIndex device_index(int32_t index) {
  return static_cast<c10::DeviceIndex>(index);
}

c10::Device device(int32_t index) {
  return c10::Device(c10::DeviceType::CUDA, device_index(index));
}

// What the allocator says of a device that it has not seen yet is an error.
void use_allocator(int32_t index) {
  at::globalContext().lazyInitDevice(c10::DeviceType::CUDA);
  if (index < 0 || index >= c10::cuda::device_count()) {
    throw std::out_of_range("there is no GPU " + std::to_string(index));
  }
}

const c10::CachingAllocator::Stat& all(const c10::CachingAllocator::StatArray& stats) {
  return stats[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
}

} // namespace

int32_t dist_cuda_versions_read(dist_cuda_versions* versions, char** error) {
  return guarded(error, [&] {
    // C10_CUDA_CHECK itself needs a driver.
    if (cudaRuntimeGetVersion(&versions->runtime) != cudaSuccess) {
      versions->runtime = 0;
    }
    if (cudaDriverGetVersion(&versions->driver) != cudaSuccess) {
      versions->driver = 0;
      static_cast<void>(cudaGetLastError());
    }
    versions->nccl = c10d::getNcclVersionNumber();
  });
}

int32_t dist_cuda_device_count(int32_t* count, char** error) {
  return guarded(error, [&] {
    *count = 0;
    const cudaError_t status = c10::cuda::GetDeviceCount(count);
    if (status != cudaSuccess) {
      static_cast<void>(cudaGetLastError());
      throw std::runtime_error(cudaGetErrorString(status));
    }
  });
}

int32_t dist_cuda_device_read(int32_t index, dist_cuda_device* read, char** error) {
  return guarded(error, [&] {
    use_allocator(index);
    const cudaDeviceProp* properties = at::cuda::getDeviceProperties(device_index(index));
    std::strncpy(read->name, properties->name, sizeof(read->name) - 1);
    read->total_bytes = properties->totalGlobalMem;
    read->capability_major = properties->major;
    read->capability_minor = properties->minor;
    read->num_multiprocessors = properties->multiProcessorCount;
  });
}

int32_t dist_cuda_device_set(int32_t index, char** error) {
  return guarded(error, [&] {
    use_allocator(index);
    c10::cuda::set_device(device_index(index));
  });
}

int32_t dist_cuda_device_synchronize(int32_t index, char** error) {
  return guarded(error, [&] {
    use_allocator(index);
    const c10::cuda::CUDAGuard guard(device_index(index));
    c10::cuda::device_synchronize();
  });
}

int32_t dist_cuda_memory_read(int32_t index, dist_cuda_memory* memory, char** error) {
  return guarded(error, [&] {
    use_allocator(index);
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device_index(index));
    memory->allocated = static_cast<uint64_t>(all(stats.allocated_bytes).current);
    memory->peak_allocated = static_cast<uint64_t>(all(stats.allocated_bytes).peak);
    memory->reserved = static_cast<uint64_t>(all(stats.reserved_bytes).current);
    memory->peak_reserved = static_cast<uint64_t>(all(stats.reserved_bytes).peak);
    const c10::cuda::CUDAGuard guard(device_index(index));
    size_t free = 0;
    size_t total = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    memory->free = free;
    memory->total = total;
  });
}

int32_t dist_cuda_memory_reset_peaks(int32_t index, char** error) {
  return guarded(error, [&] {
    use_allocator(index);
    c10::cuda::CUDACachingAllocator::resetPeakStats(device_index(index));
  });
}

int32_t dist_cuda_pinned_like(const void* like, void** output, char** error) {
  return guarded(error, [&] {
    const at::Tensor& shape = tensor(like);
    const auto options = at::TensorOptions().dtype(shape.scalar_type()).device(at::kCPU);
    const size_t bytes = std::max<size_t>(shape.numel() * shape.element_size(), 1);
    // libtorch's own allocator of such memory rounds up to powers of two, twice as much at the worst.
    std::unique_ptr<void, decltype(&std::free)> memory(std::malloc(bytes), &std::free);
    if (memory == nullptr) {
      throw std::bad_alloc();
    }
    C10_CUDA_CHECK(cudaHostRegister(memory.get(), bytes, cudaHostRegisterDefault));
    const auto release = [](void* registered) {
      static_cast<void>(cudaHostUnregister(registered));
      std::free(registered);
    };
    *output = new at::Tensor(at::from_blob(memory.release(), shape.sizes(), release, options));
  });
}

int32_t dist_cuda_copy(void* to, const void* from, char** error) {
  return guarded(error, [&] { static_cast<at::Tensor*>(to)->copy_(tensor(from), true); });
}

int32_t dist_cuda_stream_take(int32_t index, dist_cuda_stream** stream, char** error) {
  return guarded(error, [&] {
    use_allocator(index);
    *stream = new dist_cuda_stream{c10::cuda::getStreamFromPool(false, device_index(index))};
  });
}

int32_t dist_cuda_stream_current(int32_t index, dist_cuda_stream** stream, char** error) {
  return guarded(error, [&] {
    use_allocator(index);
    *stream = new dist_cuda_stream{c10::cuda::getCurrentCUDAStream(device_index(index))};
  });
}

int32_t dist_cuda_stream_enter(const dist_cuda_stream* stream, char** error) {
  return guarded(error, [&] { c10::cuda::setCurrentCUDAStream(stream->inner); });
}

int32_t dist_cuda_stream_await(const dist_cuda_stream* stream, dist_cuda_event* event, char** error) {
  return guarded(error, [&] { event->inner.block(stream->inner); });
}

int32_t dist_cuda_stream_uses(const dist_cuda_stream* stream, const void* used, char** error) {
  return guarded(error, [&] {
    const at::Tensor& whole = tensor(used);
    c10::cuda::CUDACachingAllocator::recordStream(whole.storage().data_ptr(), stream->inner);
  });
}

void dist_cuda_stream_free(dist_cuda_stream* stream) {
  delete stream;
}

int32_t dist_cuda_event_record(const dist_cuda_stream* stream, int32_t has_time, dist_cuda_event** event,
                               char** error) {
  return guarded(error, [&] {
    auto recorded = std::make_unique<dist_cuda_event>();
    recorded->inner = at::cuda::CUDAEvent(has_time != 0 ? cudaEventDefault : cudaEventDisableTiming);
    recorded->inner.record(stream->inner);
    *event = recorded.release();
  });
}

int32_t dist_cuda_event_wait(dist_cuda_event* event, char** error) {
  return guarded(error, [&] { event->inner.synchronize(); });
}

int32_t dist_cuda_event_elapsed(dist_cuda_event* first, dist_cuda_event* second, double* elapsed, char** error) {
  return guarded(error, [&] { *elapsed = first->inner.elapsed_time(second->inner); });
}

void dist_cuda_event_free(dist_cuda_event* event) {
  delete event;
}

int32_t dist_cuda_group_nccl(const dist_store* store, int32_t rank, int32_t size, int32_t index, dist_text name,
                             int64_t watchdog_ms, dist_group** group, char** error) {
  return guarded(error, [&] {
    use_allocator(index);
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = milliseconds(watchdog_ms);
    options->group_name = string(name);
    auto made = c10::make_intrusive<c10d::ProcessGroupNCCL>(store->inner, rank, size, std::move(options));
    made->setGroupDesc(string(name));
    made->setBoundDeviceId(device(index));
    made->eagerConnectSingleDevice(device(index));
    *group = new dist_group{std::move(made)};
  });
}

int32_t dist_cuda_flight_record(int32_t as_json, uint8_t** bytes, size_t* length, char** error) {
  return guarded(error, [&] {
    const std::string record =
        as_json != 0 ? c10d::dump_nccl_trace_json(true, false) : c10d::dump_nccl_trace(true, false, false);
    auto* copy = static_cast<uint8_t*>(std::malloc(record.size() + 1));
    if (copy == nullptr) {
      throw std::bad_alloc();
    }
    std::copy(record.begin(), record.end(), copy);
    *bytes = copy;
    *length = record.size();
  });
}
