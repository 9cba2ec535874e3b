// SPDX-License-Identifier: Apache-2.0
// A dense row-major tensor, for constants, calibration data and results on the host. It owns its elements, or
// reads those of somebody else (a mapped file) until it is written to.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "common/dtype.h"
#include "common/shape.h"

namespace openhb {

class Tensor {
 public:
  Tensor() = default;
  // Zero-filled.
  Tensor(DType dtype, Shape shape)
      : dtype_(dtype),
        shape_(std::move(shape)),
        bytes_(
            static_cast<size_t>(checked_mul(num_elements(shape_), static_cast<int64_t>(dtype_size(dtype))))) {
  }

  template <class T>
  static Tensor from(Shape shape, std::span<const T> values) {
    Tensor t(DTypeOf<T>::value, std::move(shape));
    if (values.size() != t.size())
      fail(ErrorCode::internal, "tensor of {} elements given {}", t.size(), values.size());
    if (!values.empty()) std::memcpy(t.bytes_.data(), values.data(), values.size_bytes());
    return t;
  }
  template <class T>
  static Tensor from(Shape shape, const std::vector<T>& values) {
    return from<T>(std::move(shape), std::span<const T>(values));
  }

  // The elements at `bytes`, which live as long as `owner` and are aligned for their type. Copied on the
  // first writing access.
  static Tensor view(DType dtype, Shape shape, std::span<const std::byte> bytes,
                     std::shared_ptr<const void> owner) {
    Tensor t;
    t.dtype_ = dtype;
    t.shape_ = std::move(shape);
    if (checked_mul(num_elements(t.shape_), static_cast<int64_t>(dtype_size(dtype))) !=
        static_cast<int64_t>(bytes.size()))
      fail(ErrorCode::internal, "tensor view of {} bytes given {}", to_string(t.shape_), bytes.size());
    t.view_ = bytes;
    t.owner_ = std::move(owner);
    return t;
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  size_t rank() const { return shape_.size(); }
  size_t size() const { return bytes().size() / dtype_size(dtype_); }
  std::span<std::byte> bytes() {
    if (owner_) bytes_.assign(view_.begin(), view_.end()), owner_.reset();
    return bytes_;
  }
  std::span<const std::byte> bytes() const { return owner_ ? view_ : std::span<const std::byte>(bytes_); }

  // Typed access; Error(internal) when T is not the tensor's type.
  template <class T>
  std::span<T> data() {
    check<T>();
    return {reinterpret_cast<T*>(bytes().data()), size()};
  }
  template <class T>
  std::span<const T> data() const {
    check<T>();
    return {reinterpret_cast<const T*>(bytes().data()), size()};
  }
  // The same elements under another shape of equal size.
  Tensor reshaped(Shape shape) const {
    Tensor t = *this;
    if (num_elements(shape) != static_cast<int64_t>(size()))
      fail(ErrorCode::internal, "reshape changes the size");
    t.shape_ = std::move(shape);
    return t;
  }

 private:
  template <class T>
  void check() const {
    if (DTypeOf<T>::value != dtype_)
      fail(ErrorCode::internal, "tensor is {}, not {}", dtype_name(dtype_), dtype_name(DTypeOf<T>::value));
  }

  DType dtype_ = DType::f32;
  Shape shape_{0};
  std::vector<std::byte> bytes_;
  std::span<const std::byte> view_;  // with an owner: instead of bytes_
  std::shared_ptr<const void> owner_;
};

}  // namespace openhb
