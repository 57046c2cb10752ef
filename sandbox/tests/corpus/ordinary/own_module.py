with open("helper.py", "w") as file:
    file.write("answer = 42\n")
import helper
print(helper.answer)
