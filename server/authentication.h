// Who may use the server: the one user there is, `default`, and its password, `requirepass`.
//
// Threads     Any.
#pragma once

#include <string>
#include <string_view>

namespace alai {

struct Config;

// Whether this user exists and this is its password. Takes the same time whatever is wrong with the
// password. Without `requirepass` every password is right.
bool IsRightPassword(const Config& config, std::string_view user, std::string_view password);

// The 64 lower case hexadecimal digits by which `user` lines name a password without showing it.
std::string Sha256Hex(std::string_view password);

}  // namespace alai
