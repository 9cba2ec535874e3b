// SPDX-License-Identifier: Apache-2.0
// Model-local functions become the nodes of their bodies. Internal to the frontend: needs the ONNX headers
// before it.
#pragma once

namespace onnx {
class ModelProto;
}

namespace openhb::onnx_frontend {

// Replaces every call of a function that the model defines, nested graphs included, by the function's body:
// inner tensors get the call's name as prefix, attributes that refer to the function's take the call's value
// or the default. Our own functions (domain "horizon") stay. Error(model_*) for recursion, a call that does
// not fit its function, or a body of another opset than the model.
void inline_functions(onnx::ModelProto& model);

}  // namespace openhb::onnx_frontend
