// Operators of libtorch that tch does not bind, behind a C interface. They are found by their names in libtorch's
// dispatcher: each has the signature of its schema there.
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <string_view>

#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/Scalar.h>
#include <c10/util/Exception.h>

namespace {

using at::Tensor;

// Runs `call` and hands out its tensor; null, and a message that is the caller's to free, where it throws.
template <typename Call>
void* guarded(char** error, Call&& call) noexcept {
  try {
    return new Tensor(call());
  } catch (const c10::Error& thrown) {
    *error = strdup(thrown.what_without_backtrace());
  } catch (const std::exception& thrown) {
    *error = strdup(thrown.what());
  } catch (...) {
    *error = strdup("an exception that says nothing of itself");
  }
  return nullptr;
}

const Tensor& tensor(const void* pointer) {
  return *static_cast<const Tensor*>(pointer);
}

} // namespace

extern "C" {

// `[out, in]` float32 -> the same in the order that oneDNN's products read, for batches of any size.
void* operators_pack(const void* weight, char** error) {
  return guarded(error, [&] {
    using Signature = Tensor(const Tensor&, std::optional<int64_t>);
    static const auto pack =
        c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_reorder_linear_weight", "").typed<Signature>();
    return pack.call(tensor(weight), std::nullopt);
  });
}

// `x` `[rows, in]` times a packed weight, plus `bias` `[out]` where it is not null.
void* operators_packed_product(const void* x, const void* weight, const void* bias, char** error) {
  return guarded(error, [&] {
    using Scalars = c10::List<std::optional<at::Scalar>>;
    using Signature = Tensor(
        const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view, Scalars,
        std::optional<std::string_view>);
    static const auto product =
        c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<Signature>();
    const auto added = bias == nullptr ? std::nullopt : std::optional<Tensor>(tensor(bias));
    return product.call(tensor(x), tensor(weight), added, "none", Scalars(), "");
  });
}

} // extern "C"
