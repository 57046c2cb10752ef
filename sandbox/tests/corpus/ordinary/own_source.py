import sys
with open(__file__) as file:
    assert file.readline() == "import sys\n"
print(42 if open(sys.argv[0]).read().count("sys.argv") else 0)
