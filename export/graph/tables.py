"""Tables of constants that inputs choose rows from, as ids choose embeddings."""

import onnx

from eeinfer.export.graph.index import GraphIndex

_SAME_VALUES = {"Cast", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Expand"}


def id_tables(model: onnx.ModelProto) -> dict[str, int]:
    """Return, for every input whose numbers choose rows of a constant table, how many rows the smallest one has."""
    index, found = GraphIndex(model.graph), dict[str, int]()
    for value in model.graph.input:
        stack, seen = [value.name], {value.name}
        while stack:
            name = stack.pop()
            for i in index.readers(name):
                node = index.graph.node[i]
                if node.op_type == "Gather" and node.input[1] == name and node.input[0] in index.initializers:
                    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
                    rows = index.initializers[node.input[0]].dims[axis]
                    found[value.name] = min(found.get(value.name, rows), rows)
                elif node.op_type in _SAME_VALUES and node.input[0] == name and node.output[0] not in seen:
                    seen.add(node.output[0])
                    stack.append(node.output[0])
    return found
