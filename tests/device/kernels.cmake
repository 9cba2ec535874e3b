# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME conv_test
            SOURCES device/kernels/conv_test.cc LIBRARIES openhb_samples LABELS fast)
