// Stands for the header of this name, which libtorch does not bring.
#pragma once
#include "../declarations.h"
