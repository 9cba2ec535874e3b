// SPDX-License-Identifier: Apache-2.0
// An object that is never destroyed, since threads of the library may outlive main(), and needs no memory to
// be asked for.
#pragma once

#include <cstddef>
#include <new>

namespace openhb::dnn {

template <class T>
class Immortal {
 public:
  Immortal() { new (memory_) T; }
  T& get() noexcept { return *std::launder(reinterpret_cast<T*>(memory_)); }

 private:
  alignas(T) std::byte memory_[sizeof(T)];
};

}  // namespace openhb::dnn
