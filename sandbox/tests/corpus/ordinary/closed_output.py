import sys
print(42)
sys.stdout.close()
sys.stderr.close()
