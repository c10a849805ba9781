/* Loading the module, and what it says when something goes wrong. */
#ifndef MODULE_H_
#define MODULE_H_

#include <switchyard/plugin.h>

/* Where the module writes its messages. One for the whole program: it has one thread. */
extern switchyard_text error_text;

/* Loads the module and asks it for its table of functions; ends the program, with the reason, when
 * it cannot be used. `*handle` is for dlclose. */
const switchyard_plugin* open_module(const char* path, void** handle);

/* Ends the program with the message of a call that failed. */
void check(switchyard_status status, const char* call);

#endif
