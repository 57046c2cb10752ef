// The types of cuBLAS that libtorch's headers name, by name alone: the shim makes and calls nothing of it, and the
// package with the library's own headers weighs hundreds of megabytes.
#pragma once

typedef struct cublasContext* cublasHandle_t;
enum cublasStatus_t : int;
