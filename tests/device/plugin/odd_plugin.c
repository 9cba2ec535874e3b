/* SPDX-License-Identifier: Apache-2.0
 * Plug-ins, one per value of CASE, that are sound (SOUND, TWIN: the same operator twice) or are not. */
#include <dnn/openhb_plugin.h>
#include <string.h>

#define SOUND 0
#define TWIN 1
#define NO_SYMBOL 2
#define WRONG_ABI 3
#define NO_TABLE 4
#define SHORT_TABLE 5
#define NO_OPERATORS 6
#define NO_RUN 7
#define SHORT_OPERATOR 8
#define NEWER 9

#if CASE == NEWER
#define TYPE "Later"
#else
#define TYPE "Copy"
#endif

static int32_t infer(const openhb_node* node, openhb_tensor* outputs, openhb_error* error) {
  (void)error;
  memcpy(outputs, node->inputs, sizeof(*outputs));
  return OPENHB_OK;
}

static int32_t run(void* instance, const openhb_run* r, openhb_error* error) {
  (void)instance, (void)error;
  memcpy(r->outputs[0], r->inputs[0], 4);
  return OPENHB_OK;
}

/* Of a later version of the interface: with a field that this one does not have. */
static const struct {
  openhb_op op;
  void* later;
} table = {{
#if CASE == SHORT_OPERATOR
               .size = 24,
#else
               .size = sizeof(openhb_op) + (CASE == NEWER ? sizeof(void*) : 0),
#endif
               .domain = "test",
               .type = TYPE,
               .min_inputs = 1,
               .max_inputs = 1,
               .min_outputs = 1,
               .max_outputs = 1,
               .infer = infer,
               .run = CASE == NO_RUN ? 0 : run,
           },
           0};

static const openhb_op* const ops[] = {&table.op};

static const openhb_plugin plugin = {.size = CASE == SHORT_TABLE ? 8 : sizeof(openhb_plugin),
                                     .abi = CASE == WRONG_ABI ? 77 : OPENHB_PLUGIN_ABI,
                                     .name = "odd",
                                     .version = "0",
                                     .op_count = CASE == NO_OPERATORS ? 0 : 1,
                                     .ops = ops};

#if CASE == NO_SYMBOL
const openhb_plugin* openhb_plugin_other(void);
const openhb_plugin* openhb_plugin_other(void) { return &plugin; }
#else
const openhb_plugin* openhb_plugin_get(uint32_t abi) { return CASE == NO_TABLE && abi ? 0 : &plugin; }
#endif
