// A value that was computed outside of autograd, put into its graph with a function for the gradients of its inputs.
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

// Makes the gradients of a value's inputs of that of the value: `apply` takes the tensor over, and gives away a tensor
// or null for each input. It returns 0, or another number where it cannot.
struct operators_gradient_map {
  void* context;
  int32_t (*apply)(void* context, void* gradient, void** gradients);
  void (*release)(void* context);
};

namespace {

struct ComputedBackward final : public torch::autograd::Node {
  ComputedBackward(operators_gradient_map map, size_t num_inputs) : map(map), num_inputs(num_inputs) {}

  ~ComputedBackward() override {
    map.release(map.context);
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    torch::autograd::variable_list of_inputs(num_inputs);
    if (!gradients[0].defined()) {
      return of_inputs;
    }
    std::vector<void*> made(num_inputs, nullptr);
    const bool is_made = map.apply(map.context, new at::Tensor(gradients[0]), made.data()) == 0;
    for (size_t input = 0; input < num_inputs; ++input) {
      const std::unique_ptr<at::Tensor> own(static_cast<at::Tensor*>(made[input]));
      if (own != nullptr) {
        of_inputs[input] = *own;
      }
    }
    if (!is_made) {
      throw std::runtime_error("the gradient of an operator of our own could not be made");
    }
    return of_inputs;
  }

  operators_gradient_map map;
  size_t num_inputs;
};

} // namespace

extern "C" {

// True where a gradient of something computed of these inputs may be asked for.
int32_t operators_wants_gradient(const void* const* inputs, size_t num_inputs) {
  bool is_wanted = false;
  for (size_t input = 0; input < num_inputs; ++input) {
    is_wanted = is_wanted || static_cast<const at::Tensor*>(inputs[input])->requires_grad();
  }
  return is_wanted && at::GradMode::is_enabled() ? 1 : 0;
}

// The elements of `value` as a function of the inputs; the map is taken over.
void* operators_in_graph(const void* const* inputs, size_t num_inputs, const void* value, operators_gradient_map map,
                         char** error) {
  try {
    const std::shared_ptr<ComputedBackward> node(new ComputedBackward(map, num_inputs), torch::autograd::deleteNode);
    torch::autograd::variable_list variables;
    for (size_t input = 0; input < num_inputs; ++input) {
      variables.push_back(*static_cast<const at::Tensor*>(inputs[input]));
    }
    node->set_next_edges(torch::autograd::collect_next_edges(variables));
    auto computed = std::make_unique<at::Tensor>(static_cast<const at::Tensor*>(value)->detach());
    torch::autograd::set_history(*computed, node);
    return computed.release();
  } catch (const c10::Error& thrown) {
    *error = strdup(thrown.what_without_backtrace());
  } catch (const std::exception& thrown) {
    *error = strdup(thrown.what());
  }
  return nullptr;
}

} // extern "C"
