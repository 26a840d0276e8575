// Looks through all tables of a store for what must hold of them whenever nothing is going on: places,
// filters, armed buckets, and every figure against a sum made anew.
//
// Threads     With nobody else at the store.
#pragma once

#include <string>

namespace alai {

class Store;

// Empty when all is well, else what is not.
std::string AuditStore(Store& store);

}  // namespace alai
