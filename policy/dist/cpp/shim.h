// The C interface of the shim over c10d: stores, process groups, work. src/ffi.rs declares the same.
//
// Every call that can fail returns a status, and on one other than DIST_DONE a message in `error`, which dist_text_free
// releases. No C++ exception leaves a call.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

enum dist_status : int32_t {
  DIST_DONE = 0,
  DIST_STORE_TIMED_OUT = 1, // a key was not set within the time
  DIST_NETWORK = 2,         // a connection could not be made, or broke
  DIST_FAILED = 3,          // everything else
};

struct dist_store; // a c10d::Store
struct dist_group; // a c10d::Backend
struct dist_work;  // a c10d::Work

// A string that need not end in 0.
struct dist_text {
  const char* data;
  size_t length;
};

void dist_text_free(char* text);

// listen_fd: a socket that listens already, or -1. Takes it over where is_server is not 0.
int32_t dist_store_open(dist_text host, uint16_t port, int32_t is_server, int32_t listen_fd, int64_t timeout_ms,
                        dist_store** store, char** error);
int32_t dist_store_prefixed(const dist_store* store, dist_text prefix, dist_store** prefixed, char** error);
int32_t dist_store_set(const dist_store* store, dist_text key, const uint8_t* value, size_t length, char** error);
// *value is released by dist_bytes_free.
int32_t dist_store_get(const dist_store* store, dist_text key, int64_t timeout_ms, uint8_t** value, size_t* length,
                       char** error);
int32_t dist_store_wait(const dist_store* store, const dist_text* keys, size_t num_keys, int64_t timeout_ms,
                        char** error);
int32_t dist_store_check(const dist_store* store, const dist_text* keys, size_t num_keys, int32_t* all_there,
                         char** error);
int32_t dist_store_add(const dist_store* store, dist_text key, int64_t amount, int64_t* sum, char** error);
int32_t dist_store_delete(const dist_store* store, dist_text key, int32_t* was_there, char** error);
void dist_store_free(dist_store* store);
void dist_bytes_free(uint8_t* bytes);

// Blocks until all ranks of the group have come, or for timeout_ms.
int32_t dist_group_gloo(const dist_store* store, int32_t rank, int32_t size, int64_t timeout_ms, dist_group** group,
                        char** error);
// One rank of a group whose other ranks do not exist: every operation is done at once, and what would come from the others
// is this rank's own.
int32_t dist_group_fake(int32_t rank, int32_t size, dist_group** group, char** error);
void dist_group_free(dist_group* group);

// reduction: 0 sum, 1 maximum, 2 minimum. Tensors are pointers to at::Tensor; work keeps what it needs of them alive.
int32_t dist_group_broadcast(dist_group* group, const void* tensor, int32_t root, int64_t timeout_ms,
                             dist_work** work, char** error);
int32_t dist_group_all_reduce(dist_group* group, const void* tensor, int32_t reduction, int64_t timeout_ms,
                              dist_work** work, char** error);
int32_t dist_group_all_gather(dist_group* group, const void* output, const void* input, int64_t timeout_ms,
                              dist_work** work, char** error);
int32_t dist_group_all_to_all(dist_group* group, const void* output, const void* input, const int64_t* output_splits,
                              const int64_t* input_splits, size_t num_splits, int64_t timeout_ms, dist_work** work,
                              char** error);
// Gives each rank its part of the reduction; not Gloo, which has none.
int32_t dist_group_reduce_scatter(dist_group* group, const void* output, const void* input, int32_t reduction,
                                  int64_t timeout_ms, dist_work** work, char** error);
int32_t dist_group_barrier(dist_group* group, int64_t timeout_ms, dist_work** work, char** error);

// Ends what is under way on a device and the group's use of it; not Gloo's, which ends when it is freed.
int32_t dist_group_abort(dist_group* group, char** error);

// Blocks until the work is done, or for timeout_ms.
int32_t dist_work_wait(dist_work* work, int64_t timeout_ms, char** error);
// Has the calling thread's stream of the work's device wait for the work, and not the caller.
int32_t dist_work_order(dist_work* work, char** error);
// *is_done: 1 where the work is done on the device. Fails where the work did.
int32_t dist_work_poll(dist_work* work, int32_t* is_done, char** error);
// Nanoseconds from the start of a gather to its end on the host; 0 while it runs, and where they are not measured.
int64_t dist_work_took(const dist_work* work);
void dist_work_free(dist_work* work);

// Makes the gradient of an input of that of a value. `apply` takes its tensor over and gives one that is the caller's,
// or null where it failed; it may be called on another thread, and by one at a time. `release` ends `context`.
struct dist_gradient_map {
  void* context;
  void* (*apply)(void* context, void* gradient);
  void (*release)(void* context);
};

// *output: a tensor of its own with the elements of `value`, whose gradient `map` turns into that of `input`. Without a
// graph (`input` needs no gradient, or gradients are off) it is `value` alone. Takes `map` over. Tensors are pointers to
// at::Tensor.
int32_t dist_graph_mapped(const void* input, const void* value, dist_gradient_map map, void** output, char** error);

} // extern "C"
