/*
 * Every error code of the engine: ERR(name, number, sentence, retryable).
 *
 * Numbers are stable (they appear in the store and on the wire) and lie outside the range of errno
 * and libuv codes, which pass through functions unchanged. Include this file with ERR defined.
 */
ERR(MEMORY, -5001, "out of memory", 1)
ERR(LIMIT, -5002, "a limit was exceeded", 0)
ERR(PARSE, -5003, "the text is not well formed", 0)
ERR(TYPE, -5004, "the value has the wrong type", 0)
ERR(RANGE, -5005, "the value is out of range", 0)
ERR(NOT_FOUND, -5006, "there is no such thing", 0)
ERR(EXISTS, -5007, "it exists already", 0)
ERR(CONFLICT, -5008, "the present state does not allow it", 0)
ERR(IO, -5009, "input or output failed", 1)
ERR(CORRUPT, -5010, "stored bytes do not match their checksum", 0)
ERR(STORE_BUSY, -5011, "another process owns the store", 1)
ERR(STORE_FULL, -5012, "the store is full", 0)
ERR(STORE_SCHEMA, -5013, "the store was written by another version", 0)
ERR(STORE_UNSUITABLE, -5014, "the place is not fit for a store", 0)
ERR(PLUGIN_FORMAT, -5015, "the file is not a leat plugin", 0)
ERR(PLUGIN_ABI, -5016, "the plugin was built for another ABI", 0)
ERR(PLUGIN_REFUSED, -5017, "the plugin breaks a rule of the ABI", 0)
ERR(PROTOCOL, -5018, "the peer broke the protocol", 0)
ERR(TIMEOUT, -5020, "it took too long", 1)
ERR(INVALID, -5022, "the input is not valid", 0)
ERR(UNAVAILABLE, -5023, "it can not be reached now", 1)
ERR(EXPRESSION, -5024, "the expression failed", 0)
