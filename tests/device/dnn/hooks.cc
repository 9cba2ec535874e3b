// SPDX-License-Identifier: Apache-2.0
#include "tests/device/dnn/hooks.h"

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

// The linker sends calls of f here as __wrap_f; __real_f is what they meant (option --wrap).
extern "C" {
void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* old, size_t size);
void* __real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void** to, size_t alignment, size_t size);
void __real_free(void* p);
int __real_pthread_mutex_lock(pthread_mutex_t* mutex);
void* __real_mmap(void* at, size_t size, int protection, int flags, int file, off_t offset);
// std::thread's way to start one: inside libstdc++, reached from our objects.
void __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread* self, std::unique_ptr<std::thread::_State> state, void (*depend)());
}

namespace openhb::testing::hooks {
namespace {

std::atomic<uint64_t> allocations{0}, threads{0}, locks{0}, asked{0}, refuse_at{0};
std::atomic<bool> refuse_later{false};
std::atomic<int> pauses{0};
std::atomic<int64_t> live{0};

bool is_refused() noexcept {
  if (pauses.load(std::memory_order_relaxed) > 0) return false;
  const uint64_t n = asked.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint64_t at = refuse_at.load(std::memory_order_relaxed);
  return at != 0 && (n == at || (n > at && refuse_later.load(std::memory_order_relaxed)));
}

bool is_refused_memory() noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return is_refused();
}

void* counted(void* p) noexcept {
  if (p) live.fetch_add(1, std::memory_order_relaxed);
  return p;
}

}  // namespace

Counts counts() noexcept { return {allocations.load(), threads.load(), locks.load()}; }
void refuse_request(uint64_t n, bool all_after) noexcept {
  refuse_later = all_after;
  asked = 0;
  refuse_at = n;
}
uint64_t requests() noexcept { return asked; }
Pause::Pause() noexcept { ++pauses; }
Pause::~Pause() { --pauses; }
int64_t live_blocks() noexcept { return live; }

}  // namespace openhb::testing::hooks

using namespace openhb::testing::hooks;

extern "C" {

void* __wrap_malloc(size_t size) {
  if (!is_refused_memory()) return counted(__real_malloc(size));
  errno = ENOMEM;
  return nullptr;
}
void* __wrap_calloc(size_t count, size_t size) {
  return is_refused_memory() ? nullptr : counted(__real_calloc(count, size));
}
void* __wrap_realloc(void* old, size_t size) {
  if (is_refused_memory()) return nullptr;
  void* p = __real_realloc(old, size);
  if (!old) counted(p);
  return p;
}
void* __wrap_aligned_alloc(size_t alignment, size_t size) {
  return is_refused_memory() ? nullptr : counted(__real_aligned_alloc(alignment, size));
}
int __wrap_posix_memalign(void** to, size_t alignment, size_t size) {
  if (is_refused_memory()) return ENOMEM;
  const int error = __real_posix_memalign(to, alignment, size);
  if (error == 0) counted(*to);
  return error;
}
void __wrap_free(void* p) {
  if (p) live.fetch_sub(1, std::memory_order_relaxed);
  __real_free(p);
}
void* __wrap_mmap(void* at, size_t size, int protection, int flags, int file, off_t offset) {
  if (!is_refused()) return __real_mmap(at, size, protection, flags, file, offset);
  errno = ENOMEM;
  return reinterpret_cast<void*>(-1);  // MAP_FAILED
}
int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
  locks.fetch_add(1, std::memory_order_relaxed);
  return __real_pthread_mutex_lock(mutex);
}
void __wrap__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread* self, std::unique_ptr<std::thread::_State> state, void (*depend)()) {
  threads.fetch_add(1, std::memory_order_relaxed);
  if (is_refused())
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again), "refused");
  __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
      self, std::move(state), depend);
}

}  // extern "C"

// All forms, since sanitizers bring their own of each.
void* operator new(size_t size, const std::nothrow_t&) noexcept { return __wrap_malloc(size ? size : 1); }
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto a = static_cast<size_t>(alignment);
  return __wrap_aligned_alloc(a, (size + a - 1) / a * a);
}
void* operator new(size_t size) {
  if (void* p = operator new(size, std::nothrow)) return p;
  throw std::bad_alloc();
}
void* operator new(size_t size, std::align_val_t alignment) {
  if (void* p = operator new(size, alignment, std::nothrow)) return p;
  throw std::bad_alloc();
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new[](size_t size, std::align_val_t alignment) { return operator new(size, alignment); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return operator new(size, std::nothrow); }
void* operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return operator new(size, alignment, std::nothrow);
}
void operator delete(void* p) noexcept { __wrap_free(p); }
void operator delete(void* p, size_t) noexcept { __wrap_free(p); }
void operator delete(void* p, std::align_val_t) noexcept { __wrap_free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { __wrap_free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { __wrap_free(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { __wrap_free(p); }
void operator delete[](void* p) noexcept { __wrap_free(p); }
void operator delete[](void* p, size_t) noexcept { __wrap_free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { __wrap_free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { __wrap_free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { __wrap_free(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { __wrap_free(p); }
