# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME host_integer_test SOURCES host/compiler/integer_test.cc LIBRARIES openhb::compiler LABELS fast)
openhb_test(NAME host_int16_test SOURCES host/compiler/int16_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_plan_test SOURCES host/compiler/plan_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_share_memory_test SOURCES host/compiler/share_memory_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_precision_test SOURCES host/compiler/precision_test.cc host/compiler/weights_test.cc
            LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_forms_test SOURCES host/compiler/forms_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_checkpoint_test SOURCES host/compiler/checkpoint_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_load_test SOURCES host/compiler/load_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_inputs_test SOURCES host/compiler/inputs_test.cc LIBRARIES openhb::compiler LABELS fast)

# What optimize_level, compile_mode, layer_out_dump, advice, debug and cache.json stand on.
openhb_test(NAME host_build_test
            SOURCES host/compiler/build_test.cc host/compiler/compile_cache_test.cc host/compiler/cost_report_test.cc
                    host/compiler/layer_dump_test.cc
            LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_per_channel_test SOURCES host/compiler/per_channel_test.cc LIBRARIES openhb::compiler LABELS fast)
openhb_test(NAME host_quantizer_options_test SOURCES host/compiler/quantizer_options_test.cc
            LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_surgery_test SOURCES host/compiler/surgery_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_restore_test SOURCES host/compiler/restore_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_artefacts_test SOURCES host/compiler/artefacts_test.cc LIBRARIES openhb::compiler LABELS fast)
