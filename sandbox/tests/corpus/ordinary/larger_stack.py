try:
    import resource
except ImportError:
    resource = None
if resource:
    resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(42)
