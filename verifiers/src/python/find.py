"""Finds the function of a plug-in's file by the parameters that it takes, and calls nothing of it.

Joined to harness.py where a plug-in is made ready.
"""


def find(module, header):
    """The function that fits, with its style, or why there is none, as an answer."""
    wanted = header["function"]
    if wanted is not None:
        if not callable(vars(module).get(wanted)):
            return {"refused": f"it has no function `{wanted}`; it has {listed(functions(module))}"}
        fit = fitting(wanted, vars(module)[wanted])
        if isinstance(fit, str):
            return {"refused": f"`{wanted}` cannot be called: {fit}"}
        return described(fit)
    found = functions(module)
    fits = {name: fitting(name, function) for name, function in found.items()}
    whole = [fit for fit in fits.values() if not isinstance(fit, str) and fit["rank"] == 0]
    several = whole or [fit for fit in fits.values() if not isinstance(fit, str)]
    if len(several) == 1:
        return described(several[0])
    if several:
        names = " and ".join(f"`{fit['function']}` ({fit['style']})" for fit in several)
        return {"refused": f"{len(several)} functions fit: {names}; choose one with the key `function`"}
    why = "; ".join(f"`{name}`: {fit}" for name, fit in fits.items()) or "it has no function"
    return {"refused": f"none of its functions is verify(prompt, completion, answer, **extra), "
                       f"compute_score(data_source, solution_str, ground_truth, extra_info) "
                       f"or f(prompts, completions, **kwargs): {why}"[:1500]}


def functions(module):
    """The file's own functions, apart from those whose name begins with an underscore."""
    import inspect
    own = {}
    for name, value in vars(module).items():
        if name.startswith("_") or not inspect.isfunction(inspect.unwrap(value) if callable(value) else value):
            continue
        if getattr(value, "__module__", None) == module.__name__:
            own[name] = value
    return own


def listed(found):
    return ", ".join(f"`{name}`" for name in found) or "none"


# Parameters by which a style is known, those that must be there first, and those that may be.
OURS = {"prompt", "completion", "answer"}, {
    "task", "conversation", "thinking", "answer_text", "thinking_open", "turns", "finish_reason", "num_prompt_tokens",
    "num_completion_tokens", "ground_truth", "metadata",
}
VERL = {"solution_str", "ground_truth"}, {"data_source", "extra_info"}


def fitting(name, function):
    """How the function is called, or why it cannot be."""
    import inspect
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        return f"its parameters cannot be seen: {error}"
    kinds = inspect.Parameter
    named = [one for one in parameters if one.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
    names = {one.name for one in named}
    needed = {one.name for one in named if one.default is kinds.empty}
    takes_all = any(one.kind is kinds.VAR_KEYWORD for one in parameters)
    if any(one.kind is kinds.POSITIONAL_ONLY and one.default is kinds.empty for one in parameters):
        return "it has parameters that cannot be given by name"
    known, rank = set(), 0
    if "completions" in names:
        style, rank = "trl", 0 if takes_all or "prompts" in names else 1
        known = needed - {"completion_ids", "trainer_state"}
    elif VERL[0] <= names:
        style, known, rank = "verl", VERL[0] | VERL[1], 0 if "data_source" in names else 1
    elif OURS[0] <= names:
        style, known = "ours", OURS[0] | OURS[1]
    else:
        return "it takes " + (", ".join(one.name for one in parameters) or "nothing")
    if needed - known:
        return f"it needs {', '.join(sorted(needed - known))}, which it is not given"
    call = inspect.unwrap(function)
    is_async = any(map(inspect.iscoroutinefunction, (function, call, getattr(call, "__call__", None))))
    return {
        "function": name, "style": style, "is_async": is_async, "names": None if takes_all else sorted(names),
        "needed": sorted(needed), "rank": rank,
    }


def described(fit):
    """The fit as an answer: the function's style, and in which form a TRL function gets conversations."""
    messages = HEADER["messages"]
    if messages is None:
        source = HEADER["source"]
        messages = '"content"' in source or "'content'" in source
    found = {**{name: value for name, value in fit.items() if name != "rank"}, "messages": messages}
    return {"found": found, "compiled": compiled() if HEADER["judging"] else None}


def compiled():
    """The harness and the plug-in's file as code of this interpreter, which other runs need not compile again."""
    def packed(source, path, optimize):
        code = compile(source.removeprefix("\ufeff"), path, "exec", dont_inherit=True, optimize=optimize)
        return binascii.b2a_base64(marshal.dumps(code), newline=False).decode()

    return {
        "magic": _frozen_importlib_external.MAGIC_NUMBER.hex(),
        # Without its docstrings the harness is read faster; a plug-in may need its own, and its asserts.
        "harness": packed(HEADER["judging"], "harness.py", 2), "file": packed(HEADER["source"], PATH, 0),
    }
