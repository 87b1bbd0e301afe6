// ?fields=id,state: some of an object's fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shoal::master {

// The object with those of its fields that are in `fields`, in the object's order; names that it
// does not have are left out. `object` is JSON that this program wrote.
std::string select_fields(std::string_view object, const std::vector<std::string>& fields);

}  // namespace shoal::master
