"""The griffe extension of mkdocs.yml: a setting shows its default and its help."""

import ast

import griffe


class Fields(griffe.Extension):
    """Replaces `name: type = field(default, "help")` by the default and the help."""

    def on_attribute_instance(self, *, node, attr: griffe.Attribute, **kwargs) -> None:
        """Takes the default as the value, and the help as the docstring."""
        call = getattr(node, "value", None)
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "field"):
            return
        if len(call.args) != 2:
            return
        default, text = call.args
        attr.value = ast.unparse(default)
        if isinstance(text, ast.Constant):
            attr.docstring = griffe.Docstring(text.value, parent=attr)
