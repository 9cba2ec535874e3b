# SPDX-License-Identifier: Apache-2.0
add_library(openhb_graph STATIC
  graph/graph.cc
  graph/narrow.cc
  graph/node.cc
  passes/channel_affine.cc
  passes/eliminate_identity.cc
  passes/fold_affine.cc
  passes/fold_batch_norm.cc
  passes/fuse_pad.cc
  passes/merge_clip.cc
  passes/merge_movement.cc
  passes/rewrite.cc
)
add_library(openhb::graph ALIAS openhb_graph)
target_link_libraries(openhb_graph PUBLIC openhb::common)
