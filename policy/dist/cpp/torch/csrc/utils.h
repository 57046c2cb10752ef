// Stands before PyTorch's header of this name, which needs Python's: c10d's FakeProcessGroup.hpp includes it and uses
// nothing of it.
#pragma once

#include <c10/util/Exception.h>
