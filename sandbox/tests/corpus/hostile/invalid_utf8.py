# Tries: to print bytes that are no text
# Expects: wrong_answer
import sys
sys.stdout.buffer.write(b'\xff\xfe\x00never')
