// The C interface of the shim's CUDA half, a library of its own that is loaded where libtorch_cuda is: devices, memory,
// streams, events, and process groups over NCCL. src/cuda/ffi.rs declares the same; statuses and texts are those of
// shim.h.
#pragma once

#include "../shim.h"

extern "C" {

struct dist_cuda_stream; // a c10::cuda::CUDAStream
struct dist_cuda_event;  // an at::cuda::CUDAEvent

// Versions as CUDA and NCCL write them in one number (13000, 22809); 0 where there is no driver.
struct dist_cuda_versions {
  int32_t runtime;
  int32_t driver;
  int32_t nccl;
};

struct dist_cuda_device {
  char name[256]; // ends in 0
  uint64_t total_bytes;
  int32_t capability_major;
  int32_t capability_minor;
  int32_t num_multiprocessors;
};

// Bytes: what tensors have and had at most, what the allocator holds for them and held at most, and of the whole device
// what is free and all there is.
struct dist_cuda_memory {
  uint64_t allocated;
  uint64_t peak_allocated;
  uint64_t reserved;
  uint64_t peak_reserved;
  uint64_t free;
  uint64_t total;
};

int32_t dist_cuda_versions_read(dist_cuda_versions* versions, char** error);
// Fails where CUDA says why there are none.
int32_t dist_cuda_device_count(int32_t* count, char** error);
int32_t dist_cuda_device_read(int32_t index, dist_cuda_device* device, char** error);
// The calling thread's device.
int32_t dist_cuda_device_set(int32_t index, char** error);
int32_t dist_cuda_device_synchronize(int32_t index, char** error);

int32_t dist_cuda_memory_read(int32_t index, dist_cuda_memory* memory, char** error);
int32_t dist_cuda_memory_reset_peaks(int32_t index, char** error);
// *output: a tensor of the shape and type of `like`, in page-locked memory of the host.
int32_t dist_cuda_pinned_like(const void* like, void** output, char** error);
// Gives the copy to the calling thread's stream, and waits for nothing where the host's side is page-locked.
int32_t dist_cuda_copy(void* to, const void* from, char** error);

// One of the pool of the device's streams.
int32_t dist_cuda_stream_take(int32_t index, dist_cuda_stream** stream, char** error);
// The calling thread's own of the device.
int32_t dist_cuda_stream_current(int32_t index, dist_cuda_stream** stream, char** error);
// Makes it the calling thread's own.
int32_t dist_cuda_stream_enter(const dist_cuda_stream* stream, char** error);
// What comes next on the stream waits for the event.
int32_t dist_cuda_stream_await(const dist_cuda_stream* stream, dist_cuda_event* event, char** error);
// The tensor's memory is given to nobody else before the stream has come here.
int32_t dist_cuda_stream_uses(const dist_cuda_stream* stream, const void* tensor, char** error);
void dist_cuda_stream_free(dist_cuda_stream* stream);

// An event that is there once the stream has come here; with `has_time` it can be held against another.
int32_t dist_cuda_event_record(const dist_cuda_stream* stream, int32_t has_time, dist_cuda_event** event, char** error);
int32_t dist_cuda_event_wait(dist_cuda_event* event, char** error);
int32_t dist_cuda_event_elapsed(dist_cuda_event* first, dist_cuda_event* second, double* milliseconds, char** error);
void dist_cuda_event_free(dist_cuda_event* event);

// Connects at once; blocks until all ranks of the group have come, however long that is. c10d's watchdog ends the process
// where an operation takes watchdog_ms.
int32_t dist_cuda_group_nccl(const dist_store* store, int32_t rank, int32_t size, int32_t index, dist_text name,
                             int64_t watchdog_ms, dist_group** group, char** error);

// What c10d's flight recorder has of this process's groups: as JSON, or pickled as PyTorch's torchfrtrace reads it.
// *bytes is released by dist_bytes_free.
int32_t dist_cuda_flight_record(int32_t as_json, uint8_t** bytes, size_t* length, char** error);

} // extern "C"
