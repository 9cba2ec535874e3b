// SPDX-License-Identifier: Apache-2.0
/* A plugin for the dynamic qemu-aarch64 that counts how often each basic block of the guest ran, between marks.
 *
 * A mark is the system call getpid(kMarkMagic, tag): harmless everywhere, and seen here. The counts since the mark
 * before are written under its tag and start again at 0. What comes behind the last mark is written as "end".
 *
 *   qemu-aarch64 -cpu cortex-a76 -plugin libblock_counts.so,out=FILE PROGRAM ...
 *
 * FILE: "block ID HEXWORDS" once per block when it is first written, "count ID N" lines, then "mark TAG" that closes
 * them. Exact for one thread; with several, in-line counters may lose increments.
 *
 * The declarations are the part of QEMU's plugin interface (version 1, QEMU 7.2) that is used: its header is not
 * packaged.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/a55/mark.h"

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translate_fn)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*syscall_fn)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                           uint64_t, uint64_t, uint64_t);
typedef void (*exit_fn)(qemu_plugin_id_t, void *);
enum { kInlineAdd = 0 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translate_fn);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int op, void *counter, uint64_t add);
extern void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, syscall_fn);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_fn, void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

/* A translation; QEMU may translate the same code again, the reader adds them up. */
struct block {
  uint64_t count;
  struct block *next;
  uint64_t id; /* 0: not yet written */
  size_t n;
  uint32_t words[];
};
static struct block *blocks;
static uint64_t last_id;
static FILE *out;

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  const size_t n = qemu_plugin_tb_n_insns(tb);
  struct block *b = calloc(1, sizeof *b + n * sizeof b->words[0]);
  if (!b) abort();
  b->n = n;
  for (size_t i = 0; i < n; ++i)
    memcpy(&b->words[i], qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)), sizeof b->words[i]);
  do b->next = __atomic_load_n(&blocks, __ATOMIC_ACQUIRE);
  while (!__sync_bool_compare_and_swap(&blocks, b->next, b));
  qemu_plugin_register_vcpu_tb_exec_inline(tb, kInlineAdd, &b->count, 1);
}

static void write_counts(void) {
  for (struct block *b = blocks; b; b = b->next) {
    if (b->count == 0) continue;
    if (b->id == 0) {
      b->id = ++last_id;
      fprintf(out, "block %" PRIu64 " ", b->id);
      for (size_t i = 0; i < b->n; ++i) fprintf(out, "%08" PRIx32, b->words[i]);
      fputc('\n', out);
    }
    fprintf(out, "count %" PRIu64 " %" PRIu64 "\n", b->id, b->count);
    b->count = 0;
  }
}

static void on_syscall(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                       uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)cpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number != kMarkSyscall || a1 != kMarkMagic) return;
  write_counts();
  fprintf(out, "mark %" PRId64 "\n", (int64_t)a2);
}

static void on_exit_(qemu_plugin_id_t id, void *user) {
  (void)id, (void)user;
  write_counts();
  fprintf(out, "mark end\n");
  fclose(out);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; ++i)
    if (!out && strncmp(argv[i], "out=", 4) == 0) out = fopen(argv[i] + 4, "w");
  if (argc != 1 || !out) {
    fprintf(stderr, "block_counts: the one argument is out=FILE, a file that can be written\n");
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
  qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
  return 0;
}
