//! Models and data of the Hugging Face hub, by their names. Must not know what is done with the files.
