/* SPDX-License-Identifier: Apache-2.0
 *
 * An operator of our own: my.ops::HardMish, y = x * clip(slope * x + bias, 0, 2) / 2.
 *
 *   input 0  x      float32, any shape whose second dimension is that of channels
 *   input 1  slope  float32 [channels], optional; 1 without
 *   bias     float attribute, 2 without
 *
 * The same source serves the converter and the simulator (x86-64) and the board (aarch64). Only + * and
 * comparisons are used, and the build forbids fused multiplication and addition (-ffp-contract=off), so that
 * both give the same bits. */
#include <dnn/openhb_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILED (-1)

/* What run() needs, made once per loaded network. */
typedef struct {
  int64_t planes;   /* N * C */
  int64_t channels; /* C */
  int64_t size;     /* elements of a plane */
  int slope_given;
  float bias;
} hard_mish;

static int64_t product(const int64_t* dims, int32_t first, int32_t last) {
  int64_t n = 1;
  for (int32_t i = first; i < last; ++i) n *= dims[i];
  return n;
}

/* Checks the node and says what its output is. */
static int32_t infer(const openhb_node* node, openhb_tensor* outputs, openhb_error* error) {
  const openhb_tensor* x = &node->inputs[0];
  if (x->type != OPENHB_TYPE_FLOAT || x->rank < 2) {
    snprintf(error->text, error->capacity, "x must be float32 with at least 2 dimensions, it has %d",
             (int)x->rank);
    return FAILED;
  }
  if (node->input_count > 1 && node->inputs[1].type != OPENHB_TYPE_NONE) {
    const openhb_tensor* slope = &node->inputs[1];
    if (slope->type != OPENHB_TYPE_FLOAT || slope->rank != 1 || slope->dims[0] != x->dims[1]) {
      snprintf(error->text, error->capacity,
               "slope must be float32 with one value for each of the %lld channels", (long long)x->dims[1]);
      return FAILED;
    }
  }
  outputs[0].type = x->type;
  outputs[0].rank = x->rank;
  memcpy(outputs[0].dims, x->dims, sizeof(x->dims));
  return OPENHB_OK;
}

static int32_t create(const openhb_node* node, void** instance, openhb_error* error) {
  const openhb_tensor* x = &node->inputs[0];
  hard_mish* self = malloc(sizeof(*self));
  if (!self) {
    snprintf(error->text, error->capacity, "out of memory");
    return FAILED;
  }
  self->channels = x->dims[1];
  self->planes = product(x->dims, 0, 2);
  self->size = product(x->dims, 2, x->rank);
  self->slope_given = node->input_count > 1 && node->inputs[1].type != OPENHB_TYPE_NONE;
  self->bias =
      node->attribute_count > 0 ? node->attributes[0].floats[0] : 2.0f; /* it is the only attribute */
  *instance = self;
  return OPENHB_OK;
}

static void destroy(void* instance) { free(instance); }

static int64_t cost(const openhb_node* node) {
  return 4 * product(node->inputs[0].dims, 0, node->inputs[0].rank);
}

/* Planes are independent, so several threads may share them. */
static int32_t max_parts(void* instance) {
  const int64_t planes = ((const hard_mish*)instance)->planes;
  return planes < 1 ? 1 : planes > 256 ? 256 : (int32_t)planes;
}

static int32_t run(void* instance, const openhb_run* run, openhb_error* error) {
  const hard_mish* self = instance;
  const float* x = run->inputs[0];
  const float* slopes = self->slope_given ? run->inputs[1] : NULL;
  float* y = run->outputs[0];
  const int64_t first = self->planes * run->part / run->parts;
  const int64_t last = self->planes * (run->part + 1) / run->parts;
  (void)error;
  for (int64_t p = first; p < last; ++p) {
    const float slope = slopes ? slopes[p % self->channels] : 1.0f;
    for (int64_t i = p * self->size; i < (p + 1) * self->size; ++i) {
      float factor = slope * x[i] + self->bias;
      factor = factor < 0.0f ? 0.0f : factor > 2.0f ? 2.0f : factor;
      y[i] = x[i] * factor * 0.5f;
    }
  }
  return OPENHB_OK;
}

static const openhb_attribute_rule attributes[] = {{"bias", OPENHB_ATTRIBUTE_FLOAT, 0}};

static const openhb_op hard_mish_op = {
    .size = sizeof(openhb_op),
    .attribute_count = 1,
    .domain = "my.ops",
    .type = "HardMish",
    .attributes = attributes,
    .min_inputs = 1,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .create = create,
    .destroy = destroy,
    .cost = cost,
    .max_parts = max_parts,
    .run = run,
};

static const openhb_op* const ops[] = {&hard_mish_op};

static const openhb_plugin plugin = {
    .size = sizeof(openhb_plugin),
    .abi = OPENHB_PLUGIN_ABI,
    .name = "hard_mish",
    .version = "1.0",
    .op_count = 1,
    .ops = ops,
};

const openhb_plugin* openhb_plugin_get(uint32_t abi) { return abi == OPENHB_PLUGIN_ABI ? &plugin : NULL; }
