/*
 * The version of the program.
 */
#ifndef MAIN_VERSION_H
#define MAIN_VERSION_H

#define VERSION_TEXT "0.1.0"

#endif
