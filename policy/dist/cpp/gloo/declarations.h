// The few declarations of gloo that c10d's ProcessGroupGloo.hpp names. libtorch carries gloo's code but not its headers.
// The shim holds these types by pointer only and never makes or calls one, so their layout does not matter.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace gloo {

struct Context {
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace rendezvous {
struct Store {
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& value) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};
} // namespace rendezvous

namespace transport {
struct Device;
struct UnboundBuffer {
  virtual ~UnboundBuffer();
};
} // namespace transport

} // namespace gloo
