import os, shutil
os.makedirs("folder")
with open("folder/file", "w") as file:
    file.write("42")
shutil.copytree("folder", "other")
shutil.copy2("other/file", "copy")
print(open("copy").read())
