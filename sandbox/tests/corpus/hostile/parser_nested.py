# Tries: to use up the parser's stack
# Expects: runtime_error
import ast
ast.literal_eval("[" * 500 + "]" * 500)
