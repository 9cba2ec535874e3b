// SPDX-License-Identifier: Apache-2.0
// Binary of int32, int64, uint64 and bool.
#include <limits>
#include <type_traits>

#include "device/kernels/elementwise/binary_form.h"

namespace openhb::kernels {
namespace {

using enum BinaryFunction;

// Two's complement: sums, products and powers wrap. x / 0 and x mod 0 are 0, so that every program has one
// result.
template <BinaryFunction F>
struct OfIntegers {
  template <class T>
  static auto of(T a, T b, const BinaryConstants&) {
    using U = std::make_unsigned_t<T>;
    const auto ua = static_cast<U>(a), ub = static_cast<U>(b);
    if constexpr (F == add) return static_cast<T>(ua + ub);
    if constexpr (F == sub) return static_cast<T>(ua - ub);
    if constexpr (F == mul) return static_cast<T>(ua * ub);
    if constexpr (F == BinaryFunction::div) {
      if (b == 0) return T{0};
      return is_minus_one(b) ? static_cast<T>(U{0} - ua) : static_cast<T>(a / b);
    }
    if constexpr (F == max) return a > b ? a : b;
    if constexpr (F == min) return a < b ? a : b;
    if constexpr (F == BinaryFunction::pow) return power(a, b);
    if constexpr (F == mod) {
      const T r = remainder(a, b);
      return static_cast<T>(r != 0 && (r < 0) != (b < 0) ? r + b : r);
    }
    if constexpr (F == BinaryFunction::fmod) return remainder(a, b);
    if constexpr (F == shift_left) return shifts_out(b) ? T{0} : static_cast<T>(ua << ub);
    if constexpr (F == shift_right) return shifts_out(b) ? T{0} : static_cast<T>(a >> b);
    if constexpr (F == bit_and) return static_cast<T>(a & b);
    if constexpr (F == bit_or) return static_cast<T>(a | b);
    if constexpr (F == bit_xor) return static_cast<T>(a ^ b);
    if constexpr (F == equal) return a == b;
    if constexpr (F == less) return a < b;
    if constexpr (F == less_equal) return a <= b;
    if constexpr (F == prelu) return a >= 0 ? a : static_cast<T>(ua * ub);
  }

 private:
  template <class T>
  static bool is_minus_one(T v) {
    return std::is_signed_v<T> && v == static_cast<T>(-1);
  }
  template <class T>
  static T remainder(T a, T b) {
    return b == 0 || is_minus_one(b) ? T{0} : static_cast<T>(a % b);
  }
  // Amounts outside of [0, bits).
  template <class T>
  static bool shifts_out(T b) {
    return static_cast<std::make_unsigned_t<T>>(b) >= static_cast<unsigned>(sizeof(T) * 8);
  }
  // Negative exponents truncate the fraction: 0 unless the base is 1 or -1.
  template <class T>
  static T power(T a, T b) {
    using U = std::make_unsigned_t<T>;
    if (b < 0) {
      if (a == 1) return 1;
      if (is_minus_one(a)) return (b & 1) != 0 ? a : T{1};
      return 0;
    }
    U result = 1, base = static_cast<U>(a);
    for (auto e = static_cast<U>(b); e != 0; e >>= 1, base *= base)
      if ((e & 1) != 0) result *= base;
    return static_cast<T>(result);
  }
};

// Bytes of bool: any value that is not 0 is true.
template <BinaryFunction F>
struct OfBools {
  static bool of(uint8_t a, uint8_t b, const BinaryConstants&) {
    const bool p = a != 0, q = b != 0;
    return F == bit_and ? p && q : F == bit_or ? p || q : F == bit_xor ? p != q : p == q;
  }
};

struct Tables {
  BinaryTable i32{}, i64{}, u64{}, boolean{};
};

template <class T, BinaryFunction... F>
constexpr void set_values(BinaryTable& table) {
  (set_forms<T, T, T, OfIntegers<F>>(table[static_cast<size_t>(F)]), ...);
}
template <class T>
constexpr void set_integers(BinaryTable& table) {
  set_values<T, add, sub, mul, BinaryFunction::div, max, min, BinaryFunction::pow, mod, BinaryFunction::fmod,
             shift_left, shift_right, bit_and, bit_or, bit_xor, prelu>(table);
  set_forms<T, T, bool, OfIntegers<equal>>(table[static_cast<size_t>(equal)]);
  set_forms<T, T, bool, OfIntegers<less>>(table[static_cast<size_t>(less)]);
  set_forms<T, T, bool, OfIntegers<less_equal>>(table[static_cast<size_t>(less_equal)]);
}
template <BinaryFunction... F>
constexpr void set_bools(BinaryTable& table) {
  (set_forms<uint8_t, uint8_t, bool, OfBools<F>>(table[static_cast<size_t>(F)]), ...);
}

constexpr Tables make_tables() {
  Tables t;
  set_integers<int32_t>(t.i32);
  set_integers<int64_t>(t.i64);
  set_integers<uint64_t>(t.u64);
  set_bools<bit_and, bit_or, bit_xor, equal>(t.boolean);
  return t;
}
constinit const Tables kTables = make_tables();

}  // namespace

const BinaryTable* integer_binary_rows(DType dtype) {
  switch (dtype) {
    case DType::i32:
      return &kTables.i32;
    case DType::i64:
      return &kTables.i64;
    case DType::u64:
      return &kTables.u64;
    case DType::boolean:
      return &kTables.boolean;
    default:
      return nullptr;
  }
}

}  // namespace openhb::kernels
